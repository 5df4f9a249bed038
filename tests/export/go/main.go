// Judges admission requests by exported policies, with the API server's own decoder and its own CEL environment.
//
// Standard input: {"policies": {name: yaml}, "requests": [{"object": …, "old": …, "subresource": …, "policies": [name]}]}.
// Standard output: {"flaws": {name: [text]}, "costs": {name: n}, "answers": [{"denied": {name: [text]}, "errors": …,
// "unmatched": [name], "refused": text}]}. A policy that is in no list of an answer has allowed the request.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	celgo "github.com/google/cel-go/cel"
	admissionregistration "k8s.io/api/admissionregistration/v1"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/admission"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/predicates/rules"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/client-go/kubernetes/scheme"
)

// A cluster of version N accepts only what N-1 knew: 1.29 here is a cluster of 1.30, the first with these policies.
var oldest = version.MajorMinor(1, 29)

// Plurals that the guess of apimachinery misses.
var irregular = map[string]string{
	"SecurityContextConstraints": "securitycontextconstraints",
	"Gateway":                    "gateways",
}

// As `kubectl` asks for it: a field that the type does not have is refused.
var strict = serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()

type expression struct {
	name, text string
	types      []*celgo.Type
}

func (e *expression) GetExpression() string      { return e.text }
func (e *expression) ReturnTypes() []*celgo.Type { return e.types }
func (e *expression) GetName() string            { return e.name }

type input struct {
	Policies map[string]string `json:"policies"`
	Requests []request         `json:"requests"`
}

type request struct {
	Object      json.RawMessage `json:"object"`
	Old         json.RawMessage `json:"old"`
	Subresource string          `json:"subresource"`
	Policies    []string        `json:"policies"`
}

type answer struct {
	Denied    map[string][]string `json:"denied,omitempty"`
	Errors    map[string][]string `json:"errors,omitempty"`
	Unmatched []string            `json:"unmatched,omitempty"`
	Refused   string              `json:"refused,omitempty"`
}

type policy struct {
	object      *admissionregistration.ValidatingAdmissionPolicy
	matcher     matchconditions.Matcher
	validations plugincel.ConditionEvaluator
	messages    plugincel.ConditionEvaluator
	flaws       []string
	cost        int64
}

func main() {
	var given input
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	policies := map[string]*policy{}
	flaws := map[string][]string{}
	for name, text := range given.Policies {
		policies[name] = read(text)
		if len(policies[name].flaws) > 0 {
			flaws[name] = policies[name].flaws
		}
	}
	answers := make([]answer, len(given.Requests))
	for i, asked := range given.Requests {
		answers[i] = judge(asked, policies)
	}
	costs := map[string]int64{}
	for name, p := range policies {
		costs[name] = p.cost
	}
	out := map[string]any{"flaws": flaws, "costs": costs, "answers": answers}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		os.Exit(1)
	}
}

// read decodes a policy and its binding strictly, and compiles as the API server does when it accepts a policy.
func read(text string) *policy {
	p := &policy{}
	var binding *admissionregistration.ValidatingAdmissionPolicyBinding
	for _, part := range strings.Split(text, "\n---\n")[1:] {
		object, _, err := strict.Decode([]byte(part), nil, nil)
		if err != nil {
			p.flaw("strict decoding: %v", err)
		}
		switch found := object.(type) {
		case *admissionregistration.ValidatingAdmissionPolicy:
			p.object = found
		case *admissionregistration.ValidatingAdmissionPolicyBinding:
			binding = found
		}
	}
	if p.object == nil || binding == nil {
		p.flaw("no policy, or no binding")
		return p
	}
	p.checkShape(binding)
	p.compile()
	return p
}

func (p *policy) flaw(format string, args ...any) {
	p.flaws = append(p.flaws, fmt.Sprintf(format, args...))
}

// checkShape repeats what the API server's validation asks of these objects, as far as it is code of its own.
func (p *policy) checkShape(binding *admissionregistration.ValidatingAdmissionPolicyBinding) {
	for _, name := range []string{p.object.Name, binding.Name} {
		for _, problem := range validation.IsDNS1123Subdomain(name) {
			p.flaw("name %q: %s", name, problem)
		}
	}
	if binding.Spec.PolicyName != p.object.Name {
		p.flaw("the binding names %q", binding.Spec.PolicyName)
	}
	if len(binding.Spec.ValidationActions) == 0 {
		p.flaw("no validation actions")
	}
	if selector := binding.Spec.MatchResources.NamespaceSelector; selector != nil {
		if _, err := meta.LabelSelectorAsSelector(selector); err != nil {
			p.flaw("namespace selector: %v", err)
		}
	}
	for key := range p.object.Annotations {
		for _, problem := range validation.IsQualifiedName(key) {
			p.flaw("annotation %q: %s", key, problem)
		}
	}
	for _, v := range p.object.Spec.Validations {
		if strings.TrimSpace(v.Message) == "" || strings.Contains(v.Message, "\n") {
			p.flaw("message %q", v.Message)
		}
		if v.Reason == nil || *v.Reason != meta.StatusReasonForbidden {
			p.flaw("reason %v", v.Reason)
		}
	}
}

func (p *policy) compile() {
	p.compiled(oldest, environment.NewExpressions)
	p.compiled(environment.DefaultCompatibilityVersion(), environment.StoredExpressions)
}

func (p *policy) compiled(release *version.Version, mode environment.Type) {
	options := plugincel.OptionalVariableDeclarations{HasAuthorizer: true}
	plain := plugincel.OptionalVariableDeclarations{}
	compiler, err := plugincel.NewCompositedCompiler(environment.MustBaseEnvSet(release))
	if err != nil {
		p.flaw("%v", err)
		return
	}
	// Conditions are compiled without the policy's variables when a policy is accepted.
	bare, err := plugincel.NewCompositedCompiler(environment.MustBaseEnvSet(release))
	if err != nil {
		p.flaw("%v", err)
		return
	}
	check := func(what string, result plugincel.CompilationResult) {
		if result.Error != nil {
			p.flaw("%s at %s: %v", what, release, result.Error)
		}
	}
	var conditions, validations, messages []plugincel.ExpressionAccessor
	for i := range p.object.Spec.MatchConditions {
		accessor := (*matchconditions.MatchCondition)(&p.object.Spec.MatchConditions[i])
		check(accessor.Name, bare.CompileCELExpression(accessor, options, mode))
		conditions = append(conditions, accessor)
	}
	for _, v := range p.object.Spec.Variables {
		accessor := &expression{v.Name, v.Expression, []*celgo.Type{celgo.AnyType, celgo.DynType}}
		check("variables."+v.Name, compiler.CompileAndStoreVariable(accessor, options, mode))
	}
	for _, v := range p.object.Spec.Validations {
		accessor := &expression{"", v.Expression, []*celgo.Type{celgo.BoolType}}
		check(v.Expression, compiler.CompileCELExpression(accessor, options, mode))
		validations = append(validations, accessor)
		var text *expression
		if v.MessageExpression != "" {
			text = &expression{"", v.MessageExpression, []*celgo.Type{celgo.StringType}}
			check(v.MessageExpression, compiler.CompileCELExpression(text, plain, mode))
			messages = append(messages, text)
		} else {
			messages = append(messages, nil)
		}
	}
	p.matcher = matchconditions.NewMatcher(
		bare.CompileCondition(conditions, options, mode), p.object.Spec.FailurePolicy, "policy", "validate", p.object.Name)
	p.validations = compiler.CompileCondition(validations, options, mode)
	p.messages = compiler.CompileCondition(messages, plain, mode)
}

func judge(asked request, policies map[string]*policy) answer {
	out := answer{Denied: map[string][]string{}, Errors: map[string][]string{}}
	object, kind, err := decoded(asked.Object)
	if err != nil {
		out.Refused = err.Error()
		return out
	}
	operation := admission.Create
	var old runtime.Object
	if len(asked.Old) > 0 && string(asked.Old) != "null" {
		operation = admission.Update
		if old, _, err = decoded(asked.Old); err != nil {
			out.Refused = err.Error()
			return out
		}
	}
	plural, _ := apimeta.UnsafeGuessKindToResource(*kind)
	if known, ok := irregular[kind.Kind]; ok {
		plural.Resource = known
	}
	attributes := admission.NewAttributesRecord(
		object, old, *kind, "shop", "shop", plural, asked.Subresource, operation, nil, false, nil)
	versioned := &admission.VersionedAttributes{
		Attributes: attributes, VersionedKind: *kind,
		VersionedOldObject: admission.NewLazyObject(old), VersionedObject: admission.NewLazyObject(object),
	}
	for _, name := range asked.Policies {
		policies[name].judge(name, versioned, plural, &out)
	}
	return out
}

func (p *policy) judge(name string, asked *admission.VersionedAttributes, plural schema.GroupVersionResource, out *answer) {
	if p.validations == nil || !p.matches(asked) {
		out.Unmatched = append(out.Unmatched, name)
		return
	}
	ctx := context.Background()
	if result := p.matcher.Match(ctx, asked, nil, nil); result.Error != nil {
		out.Errors[name] = append(out.Errors[name], result.Error.Error())
		return
	} else if !result.Matches {
		out.Unmatched = append(out.Unmatched, name)
		return
	}
	asking := plugincel.CreateAdmissionRequest(asked.Attributes, meta.GroupVersionResource(plural), meta.GroupVersionKind(asked.VersionedKind))
	bindings := plugincel.OptionalVariableBindings{}
	namespace := plugincel.CreateNamespaceObject(&core.Namespace{ObjectMeta: meta.ObjectMeta{Name: "shop"}})
	results, left, err := p.validations.ForInput(ctx, asked, asking, bindings, namespace, celconfig.RuntimeCELCostBudget)
	if err != nil {
		out.Errors[name] = append(out.Errors[name], err.Error())
		return
	}
	p.cost = max(p.cost, celconfig.RuntimeCELCostBudget-left)
	texts, _, err := p.messages.ForInput(ctx, asked, asking, bindings, namespace, left)
	if err != nil {
		out.Errors[name] = append(out.Errors[name], err.Error())
	}
	for i, result := range results {
		if result.Error != nil {
			out.Errors[name] = append(out.Errors[name], result.Error.Error())
		} else if result.EvalResult.Value() != true {
			out.Denied[name] = append(out.Denied[name], p.message(i, texts))
		}
	}
}

// message follows the API server's rules; where it would fall back in silence, the text begins with "FALLBACK".
func (p *policy) message(i int, texts []plugincel.EvaluationResult) string {
	rule := p.object.Spec.Validations[i]
	if rule.MessageExpression == "" {
		return rule.Message
	}
	if texts[i].Error != nil {
		return fmt.Sprintf("FALLBACK %v", texts[i].Error)
	}
	text, ok := texts[i].EvalResult.Value().(string)
	text = strings.TrimSpace(text)
	if !ok || text == "" || len(text) > celconfig.MaxEvaluatedMessageExpressionSizeBytes || strings.Contains(text, "\n") {
		return fmt.Sprintf("FALLBACK %q", text)
	}
	return text
}

func (p *policy) matches(asked *admission.VersionedAttributes) bool {
	for _, rule := range p.object.Spec.MatchConstraints.ResourceRules {
		matcher := rules.Matcher{Rule: rule.RuleWithOperations, Attr: asked.Attributes}
		if matcher.Matches() {
			return true
		}
	}
	return false
}

// decoded is the object as admission sees it: typed, with the one default that rules rely on; of a custom kind as it is.
func decoded(data []byte) (runtime.Object, *schema.GroupVersionKind, error) {
	object, kind, err := strict.Decode(data, nil, nil)
	if runtime.IsNotRegisteredError(err) {
		return unstructured.UnstructuredJSONScheme.Decode(data, nil, nil)
	}
	if err != nil {
		return nil, nil, err
	}
	if spec := podSpec(object); spec != nil {
		for i := range spec.Volumes {
			if spec.Volumes[i].VolumeSource == (core.VolumeSource{}) {
				spec.Volumes[i].EmptyDir = &core.EmptyDirVolumeSource{}
			}
		}
	}
	object.GetObjectKind().SetGroupVersionKind(*kind)
	return object, kind, nil
}

func podSpec(object runtime.Object) *core.PodSpec {
	switch found := object.(type) {
	case *core.Pod:
		return &found.Spec
	case *core.PodTemplate:
		return &found.Template.Spec
	case *core.ReplicationController:
		if found.Spec.Template != nil {
			return &found.Spec.Template.Spec
		}
	case *apps.ReplicaSet:
		return &found.Spec.Template.Spec
	case *apps.Deployment:
		return &found.Spec.Template.Spec
	case *apps.StatefulSet:
		return &found.Spec.Template.Spec
	case *apps.DaemonSet:
		return &found.Spec.Template.Spec
	case *batch.Job:
		return &found.Spec.Template.Spec
	case *batch.CronJob:
		return &found.Spec.JobTemplate.Spec.Template.Spec
	}
	return nil
}

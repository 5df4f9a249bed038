// Judges signatures of the Notary Project with notation-go: notary ROOT < folders > verdicts, one word a line.
// ROOT has truststore/; each folder has signature.jws, trustpolicy.json and expected.json, which names the image.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/dir"
	"github.com/notaryproject/notation-go/verifier"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/notaryproject/notation-go/verifier/truststore"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func judge(root, folder string) error {
	var policy trustpolicy.Document
	var expected struct{ Image ocispec.Descriptor }
	for name, value := range map[string]any{"trustpolicy.json": &policy, "expected.json": &expected} {
		data, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(data, value); err != nil {
			return err
		}
	}
	signature, err := os.ReadFile(filepath.Join(folder, "signature.jws"))
	if err != nil {
		return err
	}
	store := truststore.NewX509TrustStore(dir.NewSysFS(root))
	judge, err := verifier.New(&policy, store, nil)
	if err != nil {
		return err
	}
	_, err = judge.Verify(context.Background(), expected.Image, signature, notation.VerifierVerifyOptions{
		ArtifactReference:  "registry.example/team/app@" + expected.Image.Digest.String(),
		SignatureMediaType: "application/jose+json",
	})
	return err
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if err := judge(os.Args[1], lines.Text()); err != nil {
			fmt.Fprintln(os.Stderr, lines.Text(), err)
			fmt.Println("refuses")
		} else {
			fmt.Println("accepts")
		}
	}
}

// A registry with the OCI 1.1 referrers API, for the tests: go-containerregistry's, which its own command starts without.
package main

import (
	"log"
	"net/http"
	"os"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	handler := registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(os.Stderr, "", 0)))
	server := &http.Server{Addr: "127.0.0.1:" + os.Args[len(os.Args)-1], Handler: handler, ReadHeaderTimeout: time.Minute}
	log.Fatal(server.ListenAndServe())
}

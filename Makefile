# Everything is built with Go alone; `make` lists the targets.
SHELL := /bin/bash
BIN   := bin
DIR   ?= .domicile

FABRIC      := $(addprefix $(BIN)/,peer orderer configtxgen configtxlator osnadmin)
FABRIC_FLAG := -X github.com/hyperledger/fabric/common/metadata.Version=3.1.1 \
               -X github.com/hyperledger/fabric/common/metadata.CommitSHA=435a7f1a780a
TOOLS       := $(addprefix $(BIN)/tools/,gofumpt staticcheck govulncheck)
CHECK       := $(BIN)/fhir-r4check
MODULES     := . network/fabric scripts/tools fhir/r4check
UNIT        := $$(go list ./... | grep -v '/integration')

.PHONY: help build demo test unit integration bench soak up down fuzz verify vulncheck clean

help: ## list the targets (default)
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

build: $(FABRIC) $(CHECK) ## build bin/domicile, the chaincode server, the FHIR checker and Fabric's programs
	go build -o $(BIN)/domicile .
	go build -o $(BIN)/ ./chaincode/ccaas ./network/ccaasbuilder

$(FABRIC) &: network/fabric/go.mod network/fabric/go.sum
	cd network/fabric && go build -o $(CURDIR)/$(BIN)/ -ldflags "$(FABRIC_FLAG)" tool
	touch $(FABRIC)

$(CHECK): $(wildcard fhir/r4check/*.go) fhir/r4check/go.mod fhir/r4check/go.sum
	cd fhir/r4check && go build -o $(CURDIR)/$(CHECK) .
	touch $(CHECK)

$(TOOLS) &: scripts/tools/go.mod scripts/tools/go.sum
	cd scripts/tools && go build -o $(CURDIR)/$(BIN)/tools/ tool
	touch $(TOOLS)

demo: build ## the whole life of a record, from nothing to evidence (DATA=FILE to use your own)
	$(BIN)/domicile demo $(if $(DATA),--data $(DATA))

test: build verify unit integration ## every check that CI runs

unit: $(CHECK) ## tests without a network, with the race detector
	go test -race -short -timeout 10m $(UNIT)
	go test -timeout 10m ./erasure/certificate
	cd fhir/r4check && go test -timeout 10m ./...

integration: build ## tests on real networks (flags: INTEGRATION="-run Name -v")
	go test -p 1 -timeout 25m $(INTEGRATION) ./network/...
	go test -p 1 -timeout 40m $(INTEGRATION) ./integration/... -network-required

bench: build ## ratios on one running network, interleaved, medians with spread (BENCH="-json")
	go run ./integration/bench $(BENCH)
	go run ./integration/bench -scale -rounds 3 $(BENCH)

soak: build ## the long loops
	go test -p 1 -timeout 4h ./integration/... -network-required -soak

up: build ## start the default network in $(DIR)
	$(BIN)/domicile network up --dir $(DIR)

down: ## stop it, keeping its data
	$(BIN)/domicile network down --dir $(DIR)

fuzz: ## fuzz every parser, 20 s each
	@set -e; for f in $$(grep -rlE '^func Fuzz' --include=*_test.go .); do \
	  for t in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]+).*/\1/p' $$f); do \
	    echo "== $$f $$t"; (cd $$(dirname $$f) && go test -run '^$$' -fuzz "^$$t$$" -fuzztime 20s .); done; done

verify: $(TOOLS) ## formatting, vet, staticcheck, tidy modules
	@out=$$($(BIN)/tools/gofumpt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "gofumpt: $$out"; exit 1; }
	go vet ./...
	$(BIN)/tools/staticcheck ./...
	cd fhir/r4check && go vet . && $(CURDIR)/$(BIN)/tools/staticcheck .
	@for m in $(MODULES); do (cd $$m && go mod tidy -diff) || exit 1; done

vulncheck: $(TOOLS) ## known vulnerabilities, where the database can be reached
	$(BIN)/tools/govulncheck ./...

clean: ## remove what was built (networks stay)
	rm -rf $(BIN)

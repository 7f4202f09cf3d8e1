# The two commands: `make run` starts Hotdesk, `make test` runs every test. Both install what is missing first, and can be run again.
.PHONY: run test test-e2b setup check format types bench clean help

run: ## install what is missing, build the page, serve on http://127.0.0.1:8000
	@scripts/setup run
	@exec scripts/with-env hotdesk serve $(ARGS)

test: ## install what is missing, then lint, types and all tests of both languages
	@scripts/setup test
	@exec scripts/test

test-e2b: ## the contract of a desk against the real E2B (needs E2B_API_KEY; costs money)
	@scripts/setup test
	@test -n "$$E2B_API_KEY" || { echo "E2B_API_KEY is not set: https://e2b.dev/dashboard?tab=keys" >&2; exit 2; }
	@echo "This opens some 15 to 20 sandboxes at E2B, one or two at a time, for some minutes: by our estimate a few cents."
	@HOTDESK_TEST_E2B=real scripts/with-env pytest -q -p no:xdist tests/contracts/test_desks.py $(ARGS)

setup: ## install what is missing and build the page, nothing else
	@scripts/setup run

check: ## lint and types only, of what is installed
	@scripts/test check

format: ## format both languages
	@scripts/with-env ruff format . && scripts/with-env ruff check --fix . && cd web && ../scripts/with-env npm run --silent format

types: ## write the page's types anew from the server's description of its API
	@scripts/with-env hotdesk openapi > web/openapi.json && cd web && ../scripts/with-env npm run --silent generate

bench: ## measure everything beside its peers (20 minutes, best on a quiet machine), and write docs/benchmarks.md anew
	@scripts/with-env python -m bench all --write

clean: ## remove what was built or installed in this folder
	@rm -rf .venv .tools .stamps web/node_modules web/.next web/out

help:
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# The two commands: `make run` starts Hotdesk, `make test` runs every test. Both install what is missing first, and can be run again.
.PHONY: run test setup check format types clean help

run: ## install what is missing, build the page, serve on http://127.0.0.1:8000
	@scripts/setup run
	@exec scripts/with-env hotdesk serve $(ARGS)

test: ## install what is missing, then lint, types and all tests of both languages
	@scripts/setup test
	@exec scripts/test

setup: ## install what is missing and build the page, nothing else
	@scripts/setup run

check: ## lint and types only, of what is installed
	@scripts/test check

format: ## format both languages
	@scripts/with-env ruff format . && scripts/with-env ruff check --fix . && cd web && ../scripts/with-env npm run --silent format

types: ## write the page's types anew from the server's description of its API
	@scripts/with-env hotdesk openapi > web/openapi.json && cd web && ../scripts/with-env npm run --silent generate

clean: ## remove what was built or installed in this folder
	@rm -rf .venv .tools .stamps web/node_modules web/.next web/out

help:
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

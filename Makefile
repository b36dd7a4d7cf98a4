# What a request costs, beside what else Caddy can do with one: docs/evidence/results.md. It takes about four minutes, in
# which the machine should do nothing else. BENCH takes flags; with -scale it measures how the cost grows with cookies, lists,
# instances and cores instead, and writes docs/evidence/scale.md. `cd e2e && go run ./bench -help` lists them.

.PHONY: bench bench-quick fuzz floods streams soak mutants gremlins faults reference format

bench:
	cd e2e && go run ./bench -out ../docs/evidence $(BENCH)

# To see that it works; the numbers mean little.
bench-quick:
	cd e2e && go run ./bench -quick $(BENCH)

# Runs each fuzz target for this long: FUZZTIME=10s, or a number of executions, FUZZTIME=1000x. FUZZWORKERS run at once.
FUZZTIME = 60s
FUZZWORKERS = $(shell nproc)

# What fails is kept below testdata/fuzz of its package, to be committed with what mends it; `go test` replays it.
fuzz:
	scripts/fuzz $(FUZZTIME) $(FUZZWORKERS)

# What floods do to signed-in visitors, memory and goroutines: docs/evidence/floods.md. A tenth of it runs with the tests.
floods:
	cd e2e && FLOODS=full go test -count=1 -v -timeout 60m -run '^TestD1_FloodsLeaveNothingBehind$$' .

# What 10,000 open connections cost, and how soon they end: docs/evidence/streams.md. A tenth of it runs with the tests.
streams:
	cd e2e && STREAMS=full go test -count=1 -v -timeout 15m -run '^TestL5_WhatOpenConnectionsCost$$' .

# People and trouble for a long time: SOAK is how long, SEED repeats what happened. A minute of it runs with the tests.
SOAK ?= 20m
soak:
	cd e2e && SOAK=$(SOAK) SEED=$(SEED) go test -count=1 -v -timeout 24h -run '^TestF5_Soak$$' .

# Breaks each line that security depends on, one at a time, and shows that the tests notice. MUTANT=H1 tries one number.
mutants:
	cd e2e && go run ./mutants $(if $(MUTANT),-only $(MUTANT))

# Changes operators at places that nobody chose, and writes what the tests of the pure rooms notice to
# docs/evidence/mutation.md. It takes an hour or two; ROOMS="limit session" tries some, and keeps the rest of the page.
gremlins:
	scripts/gremlins $(ROOMS)

# Meets every fault at every moment and writes docs/evidence/faults.md anew; takes about three minutes. The same tests without
# WRITE_FAULT_TABLE fail where the page says otherwise than they see.
faults:
	cd e2e && WRITE_FAULT_TABLE=1 go test -race -count=1 -timeout 15m -run '_FaultsOf' .

# Writes docs/json.md from the comments of the code, and docs/llms.txt from the other pages; a test fails where one says otherwise.
reference:
	WRITE_REFERENCE=1 go test -count=1 -run '^(TestTheJSONReferenceIsWhatTheGodocSays|TestTheTextForLanguageModelsIsCurrent)$$' ./docs

# Formats the Caddyfiles of the pages and of the examples as `caddy fmt` does; a test fails where one is not.
format:
	WRITE_FORMAT=1 go test -count=1 -run 'PassesCaddyFmt$$' ./docs

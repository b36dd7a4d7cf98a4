# What a request costs, beside what else Caddy can do with one. BENCH takes further flags, for example
#
#	make bench BENCH="-rounds 30 -peers bench/my-peers"
#
# `cd e2e && go run ./bench -help` lists them.

.PHONY: bench bench-scale bench-quick fuzz floods soak mutants gremlins faults reference walk generated

# Writes docs/bench/results.md and docs/bench/results.svg; takes about four minutes. The machine should do nothing else.
bench:
	cd e2e && go run ./bench -out ../docs/bench $(BENCH)

# How the cost grows with cookies, revocations, instances and cores, and what else the module takes: docs/bench/scale.md.
bench-scale:
	cd e2e && go run ./bench -scale -out ../docs/bench $(BENCH)

# To see that it works; the numbers mean little.
bench-quick:
	cd e2e && go run ./bench -quick $(BENCH)

# Runs each fuzz target for this long: FUZZTIME=10s, or a number of executions, FUZZTIME=1000x. FUZZWORKERS run at once.
FUZZTIME = 60s
FUZZWORKERS = $(shell nproc)

# What fails is kept below testdata/fuzz of its package, to be committed with what mends it; `go test` replays it.
fuzz:
	scripts/fuzz $(FUZZTIME) $(FUZZWORKERS)

# What floods do to signed-in visitors, memory and goroutines: docs/floods.md. A tenth of it runs with the tests.
floods:
	cd e2e && FLOODS=full go test -count=1 -v -timeout 60m -run '^TestD1_FloodsLeaveNothingBehind$$' .

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

# Meets every fault at every moment and writes docs/faults.md anew; takes about three minutes. The same tests without
# WRITE_FAULT_TABLE fail where the page says otherwise than they see.
faults:
	cd e2e && WRITE_FAULT_TABLE=1 go test -race -count=1 -timeout 15m -run '_FaultsOf' .

# Writes docs/json.md from the comments of the code; a test fails where it says otherwise.
reference:
	WRITE_REFERENCE=1 go test -count=1 -run '^TestTheJSONReferenceIsWhatTheGodocSays$$' .

# Goes the way of somebody new, from an empty folder, and prints how long each step takes.
walk:
	cd e2e && go test -count=1 -v -run '^TestTheNewcomersWalk$$' . | grep -v '^=== '

# Makes SITES sites at random and compares what Caddy and the doctor say of each with what Caddy answers; SEED repeats them.
SITES ?= 2000
generated:
	GENERATE=$(SITES) SEED=$(SEED) go test -count=1 -v -timeout 60m -run '^(TestN17_WhatCaddySaysAtStartIsWhatItAnswers|TestTheDoctorSurvivesOddJSON)$$' . | grep -E '_test.go|^---'

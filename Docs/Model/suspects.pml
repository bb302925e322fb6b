/*
 * Suspects: two jobs, two processes, and the ledger. A job whose lease ended twice runs alone in its process, and one
 * process at a time does so: that is the turn, a lease in the ledger. Only a lease that ended meanwhile counts towards
 * the job's death.
 *
 * What becomes of a job's copies is ledger.pml's matter. Here a job that waits may be claimed by anybody, and one that
 * was settled waits again. README.md explains the switches.
 */

#define BIT(j) (1 << (j))
#define HAS(set, j) (((set) >> (j)) & 1)

#if defined(NOTE_REACHED)
#define REACHED(what) c_code { static int isNoted; if (!isNoted) { isNoted = 1; printf("reached %s\n", #what); } }
#elif defined(REACH)
#define REACHED(what) assert(what != REACH)
#else
#define REACHED(what) skip
#endif
#define SUSPICION 1
#define TURN 2
#define TURN_REFUSED 3
#define TURN_OF_THE_DEAD 4
#define TURN_TOO_LATE 5
#define TURN_RENEWED 6
#define ALONE 7
#define ENDED_BESIDE 8
#define ENDED_ALONE 9

#define NOBODY 0
#define ME(p) (1 + (p))
#define GONE 3                          /* a token whose process does not know it any more */

/* -- The ledger ------------------------------------------------------------------------------------------------------ */

byte turn;                              /* who has it */
bit turnIsOver;                         /* by the ledger's clock */

byte owner[2];                          /* of each job; NOBODY where it waits */
bit leaseIsOver[2];
bit isAlone[2];                         /* the claim was made to run the job alone */
byte ended[2];                          /* leases of it that ended; two are enough */
#define IS_SUSPECT(j) (ended[j] == 2)

/* -- The processes ------------------------------------------------------------------------------------------------------ */

#define FREE     0                      /* it takes jobs */
#define ASKING   1                      /* for the turn, and takes jobs */
#define ANSWERED 2                      /* the ledger has said yes, which was not heard yet */
#define ROOM     3                      /* it has the turn: nothing is taken, what runs is awaited */
#define CLAIMING 4
#define GRANTED  5                      /* as ANSWERED */
#define RUNNING  6

byte phase[2];
byte suspect[2];                        /* the one that is to run, or runs */
byte runs[2];                           /* the set of jobs that run there, whether or not their leases are valid */
byte valid[2];                          /* of these, those whose leases are, by the process's clock */
bit turnIsValid[2];                     /* less than a lease has passed since the request for it */

/* -- What the promises are about ---------------------------------------------------------------------------------------- */

bit ranBeside[2];                       /* while the claim was held, another job ran in its process */
bit runsBeside, twoSuspects, countsBeside, twoRuns;

inline begin(p, j) {
    if :: HAS(valid[1 - (p)], j) && HAS(runs[1 - (p)], j) -> twoRuns = 1 :: else fi;
    assert(!twoRuns);
    if :: (runs[p] & ~BIT(j)) -> ranBeside[j] = 1 :: else ranBeside[j] = 0 fi;
    /* Of the other job, whose lease may have ended, somebody else may have the claim by now. */
    if :: (runs[p] & ~BIT(j)) && owner[1 - (j)] == ME(p) -> ranBeside[1 - (j)] = 1 :: else fi;
    if :: (runs[p] & ~BIT(j)) && (phase[p] == GRANTED || phase[p] == RUNNING) -> runsBeside = 1 :: else fi;
    assert(!runsBeside);
    runs[p] = runs[p] | BIT(j)
}

inline end_turn(p) {
    if :: turn == ME(p) -> turn = NOBODY; turnIsOver = 0 :: else fi;
    turnIsValid[p] = 0; phase[p] = FREE; suspect[p] = 0
}

inline release_claim(p, j) {
    if :: owner[j] == ME(p) -> owner[j] = NOBODY; leaseIsOver[j] = 0; isAlone[j] = 0 :: else fi;
    valid[p] = valid[p] & ~BIT(j)
}

#ifdef BREAK_OTHERS_BESIDE
#define TAKES(p) (phase[p] < ROOM || phase[p] == RUNNING)
#else
#define TAKES(p) (phase[p] < ROOM)
#endif
#ifdef BREAK_NO_TURN
#define MAY_HAVE_TURN(p) true
#else
#define MAY_HAVE_TURN(p) (turn == NOBODY || turn == ME(p) || turnIsOver)
#endif
#ifdef BREAK_BESIDE_OTHERS
#define IS_EMPTY(p) true
#else
#define IS_EMPTY(p) (runs[p] == 0)
#endif
#ifdef BREAK_PAST_THE_TURN
#define IS_IN_TURN(p) true
#else
#define IS_IN_TURN(p) turnIsValid[p]
#endif

inline forget_tokens(p) {
    if :: turn == ME(p) -> turn = GONE :: else fi;
    if :: owner[0] == ME(p) -> owner[0] = GONE :: else fi;
    if :: owner[1] == ME(p) -> owner[1] = GONE :: else fi
}

#define STEPS_OF_JOB(p, j) \
    :: d_step { TAKES(p) && owner[j] == NOBODY && !IS_SUSPECT(j) && !HAS(runs[p], j) -> \
            printf("   process %d: begins job %d\n", p, j); \
            owner[j] = ME(p); leaseIsOver[j] = 0; isAlone[j] = 0; valid[p] = valid[p] | BIT(j); begin(p, j) } \
    :: d_step { HAS(runs[p], j) && !(phase[p] == RUNNING && suspect[p] == j) -> \
            printf("   process %d: settles job %d, or learns that its claim is lost\n", p, j); \
            release_claim(p, j); runs[p] = runs[p] & ~BIT(j) } \
    :: d_step { phase[p] == FREE && owner[j] == NOBODY && IS_SUSPECT(j) -> \
            printf("   process %d: asks for the turn, for job %d\n", p, j); \
            REACHED(SUSPICION); \
            phase[p] = ASKING; suspect[p] = j; turnIsValid[p] = 1 } \
    :: d_step { HAS(valid[p], j) -> \
            printf("   process %d: a lease has passed since it claimed job %d\n", p, j); valid[p] = valid[p] & ~BIT(j) }

proctype Process(byte p) {
end:
    do
    STEPS_OF_JOB(p, 0)
    STEPS_OF_JOB(p, 1)

    /* The turn */
    :: d_step { phase[p] == ASKING && MAY_HAVE_TURN(p) ->
            printf("   ledger: process %d has the turn\n", p);
            REACHED(TURN);
            if :: turn == GONE && turnIsOver -> REACHED(TURN_OF_THE_DEAD) :: else fi;
            turn = ME(p); turnIsOver = 0; phase[p] = ANSWERED }
    :: d_step { phase[p] == ASKING && !MAY_HAVE_TURN(p) ->
            printf("   process %d: hears that it has not the turn\n", p);
            REACHED(TURN_REFUSED);
            phase[p] = FREE; suspect[p] = 0; turnIsValid[p] = 0 }
    :: d_step { phase[p] == ANSWERED -> printf("   process %d: hears that it has the turn\n", p); phase[p] = ROOM }
    :: d_step { phase[p] == ROOM || phase[p] == RUNNING ->
            printf("   process %d: renews its turn, or tries to\n", p);
            if :: turn == ME(p) -> REACHED(TURN_RENEWED); turnIsOver = 0; turnIsValid[p] = 1 :: else fi }
    :: d_step { turnIsValid[p] ->
            printf("   process %d: a lease has passed since it asked for the turn\n", p); turnIsValid[p] = 0 }

    /* The run */
    :: d_step { phase[p] == ROOM && IS_EMPTY(p) && IS_IN_TURN(p) ->
            printf("   process %d: claims job %d, to run it alone\n", p, suspect[p]);
            phase[p] = CLAIMING; valid[p] = valid[p] | BIT(suspect[p]) }
    :: d_step { phase[p] == ROOM && !IS_IN_TURN(p) ->
            printf("   process %d: its turn is over\n", p); end_turn(p) }
    :: d_step { phase[p] == CLAIMING && owner[suspect[p]] == NOBODY ->
            printf("   ledger: process %d has the claim of job %d\n", p, suspect[p]);
            owner[suspect[p]] = ME(p); leaseIsOver[suspect[p]] = 0; isAlone[suspect[p]] = 1; phase[p] = GRANTED }
    :: d_step { phase[p] == CLAIMING && owner[suspect[p]] != NOBODY ->
            printf("   process %d: hears that somebody else has job %d\n", p, suspect[p]);
            valid[p] = valid[p] & ~BIT(suspect[p]); end_turn(p) }
    :: d_step { phase[p] == GRANTED && IS_IN_TURN(p) && HAS(valid[p], suspect[p]) ->
            printf("   process %d: begins job %d, alone\n", p, suspect[p]);
            REACHED(ALONE);
            begin(p, suspect[p]);
            phase[p] = RUNNING;
            if :: phase[1 - p] == RUNNING && turnIsValid[1 - p] -> twoSuspects = 1 :: else fi;
            assert(!twoSuspects) }
    :: d_step { phase[p] == GRANTED && !(IS_IN_TURN(p) && HAS(valid[p], suspect[p])) ->
            printf("   process %d: gives job %d back, as it is too late\n", p, suspect[p]);
            REACHED(TURN_TOO_LATE);
            release_claim(p, suspect[p]); end_turn(p) }
    :: d_step { phase[p] == RUNNING ->
            printf("   process %d: settles job %d, and ends its turn\n", p, suspect[p]);
            release_claim(p, suspect[p]); runs[p] = runs[p] & ~BIT(suspect[p]); end_turn(p) }

    /* It dies, and its last request may arrive all the same. */
    :: d_step { true ->
            printf("   process %d: crashes\n", p);
            forget_tokens(p);
            phase[p] = FREE; suspect[p] = 0; runs[p] = 0; valid[p] = 0; turnIsValid[p] = 0 }
    :: d_step { phase[p] == ASKING && MAY_HAVE_TURN(p) ->
            printf("   process %d: crashes, and is given the turn\n", p);
            forget_tokens(p);
            turn = GONE; turnIsOver = 0;
            phase[p] = FREE; suspect[p] = 0; runs[p] = 0; valid[p] = 0; turnIsValid[p] = 0 }
    od
}

/* -- Time, and who counts ------------------------------------------------------------------------------------------------- */

#define IS_VALID(j) ((owner[j] == ME(0) && HAS(valid[0], j)) || (owner[j] == ME(1) && HAS(valid[1], j)))

#ifdef BREAK_COUNT_BEFORE_THE_END
#define CAN_COUNT(j) (owner[j] != NOBODY)
#else
#define CAN_COUNT(j) (owner[j] != NOBODY && leaseIsOver[j])
#endif
#ifdef BREAK_COUNT_BESIDE
#define COUNTS(j) true
#else
#define COUNTS(j) isAlone[j]
#endif

#define STEPS_OF_TIME(j) \
    :: d_step { owner[j] != NOBODY && !leaseIsOver[j] && !IS_VALID(j) -> \
            printf("   ledger: the lease of job %d is over\n", j); leaseIsOver[j] = 1 } \
    :: d_step { CAN_COUNT(j) -> \
            printf("   ledger: counts an ended lease of job %d, and it waits\n", j); \
            if :: COUNTS(j) -> REACHED(ENDED_ALONE) :: else REACHED(ENDED_BESIDE) fi; \
            if :: COUNTS(j) && (!isAlone[j] || ranBeside[j]) -> countsBeside = 1 :: else fi; \
            assert(!countsBeside); \
            if :: ended[j] < 2 -> ended[j] = ended[j] + 1 :: else fi; \
            owner[j] = NOBODY; leaseIsOver[j] = 0; isAlone[j] = 0; ranBeside[j] = 0 }

proctype World() {
end:
    do
    :: d_step { turn != NOBODY && !turnIsOver && !(turn == ME(0) && turnIsValid[0]) &&
                !(turn == ME(1) && turnIsValid[1]) ->
            printf("   ledger: the lease of the turn is over\n"); turnIsOver = 1 }
    STEPS_OF_TIME(0)
    STEPS_OF_TIME(1)
    od
}

init {
    atomic {
        run Process(0);
        run Process(1);
        run World()
    }
}

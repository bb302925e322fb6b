/*
 * Ids of one's own: calls that schedule a job under the same id, and the ledger's record of it. Each call is an edition
 * of the job: it notes an intent, puts its copies, and confirms. Whatever it does, and wherever it dies, at most one
 * edition is run, and none that was confirmed is lost, but where the ledger lost writes.
 *
 * What two consumers do with one job's copies is ledger.pml's matter. Here any consumer may begin a job of which a copy
 * is left, in one step with its claim; it may complete it, make it wait, or fall silent, and then anybody else may
 * begin.
 * README.md explains the switches.
 */

#ifndef CALLS
#define CALLS 3
#endif
#ifndef PUTS
#define PUTS 2                          /* of each call; any number of them may be enough */
#endif
#define LAST (CALLS - 1)
#define NONE CALLS

#if defined(NOTE_REACHED)
#define REACHED(what) c_code { static int isNoted; if (!isNoted) { isNoted = 1; printf("reached %s\n", #what); } }
#elif defined(REACH)
#define REACHED(what) assert(what != REACH)
#else
#define REACHED(what) skip
#endif
#define CONFIRMED_BY_RUN         1      /* the caller was slow, and its job has begun already */
#define REFUSED_THOUGH_RUN       2      /* likewise, and another was confirmed in its place: "may have run" */
#define OTHER_REPLACED           3
#define WAITING_REPLACED         4      /* it ran before, and was to run again */
#define OWED_IN_ITS_PLACE        5      /* the one replaced was not to be lost */
#define TOLD_SAME                6      /* at the intent */
#define TOLD_SAME_LATE           7      /* when it confirms; so are the next four */
#define TOLD_TAKEN               8
#define TOLD_HELD                9
#define TOLD_FINISHED           10
#define TOLD_WITHDRAWN          11      /* a consumer had found its intent lapsed, or it was replaced since */
#define WITHDRAWAL              12
#define WITHDRAWAL_TOO_LATE     13      /* a consumer has begun it */
#define LAPSED_RUNS             14
#define LAPSED_GOES             15
#define LATE_COPY               16      /* stored when its job shall not run any more */
#define LATE_INTENT             17      /* arrives when its job was withdrawn */
#define LATE_CONFIRM            18      /* likewise */
#define ANOTHER_OWNER           19
#define REVOKED_BY_ID           20
#define UNKNOWN_RUNS            21      /* the ledger has lost its entry */
#define CONFIRM_ABSENT          22      /* likewise */
#define WITHDRAWAL_ABSENT       23      /* likewise */
#define CONFIRM_TOO_LATE        24      /* its intent has lapsed, and nobody has asked yet */
#define LAPSED_STAYS            25      /* likewise, when its call withdraws */
#define FORGOTTEN               26      /* no copy of it was stored */
#define REST                    27

/* -- The ledger's record of the id: an entry for each edition, which is to say for each call --------------------- */

#define UNKNOWN   0
#define INTENDED  1                     /* until a time, which isPast */
#define SCHEDULED 2                     /* confirmed, and not begun yet */
#define CLAIMED   3
#define WAITING   4                     /* will run again */
#define DONE      5
#define REVOKED   6
/* Taken back, refused, lapsed, or replaced: the record names it, so its copies are deleted unrun. */
#define WITHDRAWN 7

byte entry[CALLS];
/*
 * The time its intent is noted until, which may come at any time: it is past once somebody finds it so. If it is an
 * intent still, it has lapsed.
 */
bit isPast[CALLS];

#define IS(c, state) (entry[c] == (state))
#define ONE(state) (IS(0, state) -> 0 : (IS(1, state) -> 1 : (IS(LAST, state) -> LAST : NONE)))
#define IS_SOME(state) (IS(0, state) || IS(1, state) || IS(LAST, state))
/* There is one at most, unless the ledger lost writes. */
#define CURRENT (IS_SOME(CLAIMED) -> ONE(CLAIMED) : (IS_SOME(WAITING) -> ONE(WAITING) : \
                (IS_SOME(SCHEDULED) -> ONE(SCHEDULED) : (IS_SOME(DONE) -> ONE(DONE) : ONE(REVOKED)))))
byte current;                           /* for the moment of a step, as reply */
#define IS_OVER(c) (entry[c] >= DONE)
#define HAS_LAPSED(c) (IS(c, INTENDED) && isPast[c])
#define IS_CURRENT_ITSELF(c) (entry[c] >= SCHEDULED && entry[c] <= REVOKED)

/*
 * A server's process that takes over may have an earlier state of the record, once. Nothing in the record tells. A
 * request goes with its connection, so none that was sent to one process arrives at the next.
 */
#ifdef WITH_LOST_WRITES
bit hasSaved, hasLost;
byte saved[CALLS];
/* Begun without an entry: the record does not know what it is, so it is never the same job as another. */
bit isNameless[CALLS];
bit hasDeleted[CALLS];                  /* because it was withdrawn */
#define HAS_LOST hasLost
#define MAY_BE_INTENDED_AGAIN(c) (hasSaved && !hasLost && saved[c] == INTENDED)
#define IS_FINAL hasLost
#define IS_SAME_JOB(a, c) (job[a] == job[c] && !isNameless[a])
#else
#define HAS_LOST false
#define MAY_BE_INTENDED_AGAIN(c) false
#define IS_FINAL true
#define IS_SAME_JOB(a, c) (job[a] == job[c])
#endif

inline write(c, state) {
#ifdef REDUCED
    assert(!IS_OVER(c));
#endif
    entry[c] = state
}

/* -- The calls ----------------------------------------------------------------------------------------------------- */

#define NEW         0
#define INTENDING   1
#define PUTTING     2
#define CONFIRMING  3
#define WITHDRAWING 4
#define TIDYING     5                   /* its confirm was refused, it has said so, and withdraws before it deletes */
#define REFUSED     6                   /* it has answered, and nothing of it may fire */
#define ENDED       7                   /* it has answered anything else, or has died, or given up: "may still fire" */

byte phase[CALLS];
byte job[CALLS];                        /* what is the same has the same date and content */
bit isReplacing[CALLS];
byte puts[CALLS];
byte stored[CALLS];                     /* as far as it knows */

/*
 * A request that was sent may arrive at any time, also when nobody waits for it any more, or never. A confirm is sent
 * once, and so arrives once; the others may arrive more than once.
 */
bit intends[CALLS], confirms[CALLS], withdraws[CALLS];
#ifdef WITH_FORGOTTEN
bit isGone[CALLS];                      /* told with its withdrawal: no copy of it was stored, or can be */
#endif

/* -- Its copies, and who runs it ----------------------------------------------------------------------------------- */

byte copies[CALLS];                     /* that are stored now */
byte late[CALLS];                       /* puts of unknown outcome, which may yet be stored */
bit isRunning[CALLS];                   /* a consumer that lives has the claim, and one of the copies */

/* -- What the promises are about ----------------------------------------------------------------------------------- */

/*
 * It must not be lost: its caller was told "confirmed", or another's was told "already scheduled" on its account, or it
 * took the place of such a one.
 */
bit isOwed[CALLS];
bit hasBegun[CALLS], hasCompleted[CALLS];
bit mustNotRun[CALLS];                  /* another was confirmed in its place, or its caller was told so */
bit twoRuns, completesTwice, runsAllTheSame, isLost, isRestless;

/* From some instant on there are no more faults: nobody dies, falls silent, loses an answer, or calls anew. */
bit isCalm;

#if defined(WITH_LOST_WRITES) && !defined(EACH_EDITION)
/*
 * With lost writes the promise is one of the id: where somebody was told "confirmed" or "already scheduled", and
 * nothing was revoked, one of its editions was completed, or can still run.
 */
bit isIdOwed, isIdSettled;
#define CAN_RUN(c) (copies[c] > 0 && !IS_OVER(c))
#define SOME_IS_LOST (isIdOwed && !CAN_RUN(0) && !CAN_RUN(1) && !CAN_RUN(LAST))
#define SOME_IS_OWED isIdOwed
inline note_owed(c) {
    if :: !isIdSettled -> isIdOwed = 1 :: else fi
}
inline settle_owed(c) {
    isIdSettled = 1; isIdOwed = 0
}
inline move_owed(old, c) {
    skip
}
#else
#define IS_LOST(c) (isOwed[c] && (copies[c] == 0 || IS(c, WITHDRAWN) || IS(c, REVOKED)))
#define SOME_IS_LOST (IS_LOST(0) || IS_LOST(1) || IS_LOST(LAST))
#define SOME_IS_OWED (isOwed[0] || isOwed[1] || isOwed[LAST])
inline note_owed(c) {
    if :: !hasCompleted[c] -> isOwed[c] = 1 :: else fi
}
inline settle_owed(c) {
    isOwed[c] = 0
}
inline move_owed(old, c) {
    if :: isOwed[old] -> REACHED(OWED_IN_ITS_PLACE); isOwed[c] = 1 :: else fi;
    isOwed[old] = 0
}
#endif

inline check_not_lost() {
    if :: SOME_IS_LOST -> isLost = 1 :: else fi;
    assert(!isLost)
}

/* Somebody has been told something on its account. */
inline owe(c) {
    note_owed(c);
    check_not_lost()
}

/*
 * Its caller was told that nothing is scheduled by it, and not that it may have run. With lost writes it may have, and
 * may run after all, or again: that is their price.
 */
inline must_not_run(c) {
    mustNotRun[c] = 1;
    if :: hasBegun[c] && !HAS_LOST -> runsAllTheSame = 1 :: else fi;
    assert(!runsAllTheSame)
}

/* -- What the ledger does with a request --------------------------------------------------------------------------- */

#define FREE         1                  /* nothing is in its way */
#define CONFIRMED    2
#define SAME         3
#define TAKEN        4
#define HELD         5
#define FINISHED     6
#define IS_WITHDRAWN 7
#define IS_SCHEDULED 8
#define ABSENT       9
#ifdef BREAK_WITHDRAWN_BEFORE
#define WAS_WITHDRAWN IS_WITHDRAWN      /* Rule 8 broken: it does not tell what it does now from what was so before. */
#else
#define WAS_WITHDRAWN 10
#endif
byte reply;

#ifdef BREAK_ALREADY_FOR_INTENTS
/* Rule 8 broken: an intent answers "already scheduled". */
#define IS_INTENT_LIKE(a, c) ((a) != (c) && IS(a, INTENDED) && job[a] == job[c])
inline look_for_intent(c) {
    if
    :: current == NONE && IS_INTENT_LIKE(0, c) -> current = 0
    :: current == NONE && !IS_INTENT_LIKE(0, c) && IS_INTENT_LIKE(1, c) -> current = 1
    :: current == NONE && !IS_INTENT_LIKE(0, c) && !IS_INTENT_LIKE(1, c) && IS_INTENT_LIKE(LAST, c) -> current = LAST
    :: else
    fi
}
#else
#define look_for_intent(c) skip
#endif

/* What another edition's being current makes of this one. FREE where nothing is in its way. */
inline decide(c) {
    current = CURRENT;
    look_for_intent(c);
    if
    :: current == NONE -> reply = FREE
    :: else ->
        if
        :: IS(current, DONE) || IS(current, REVOKED) -> reply = FINISHED
#ifdef BREAK_REPLACES_RUNNING
        :: IS(current, CLAIMED) -> reply = (isReplacing[c] -> FREE : HELD)   /* Rule 8 broken. */
#else
        :: IS(current, CLAIMED) -> reply = HELD
#endif
        :: else ->
            if
            :: IS_SAME_JOB(current, c) -> reply = SAME
            :: !IS_SAME_JOB(current, c) && isReplacing[c] -> reply = FREE
            :: else -> reply = TAKEN
            fi
        fi
    fi
}

#ifdef BREAK_ONE_STEP
/* Rule 8 broken: there is no confirm, the job is the id's at once. */
#define NOTED SCHEDULED
#else
#define NOTED INTENDED
#endif

inline perform_intend(c) {
    if
#ifndef BREAK_INTENT_REVIVES
    :: IS(c, WITHDRAWN) -> REACHED(LATE_INTENT); reply = WAS_WITHDRAWN
#endif
    :: IS_CURRENT_ITSELF(c) || IS(c, INTENDED) -> reply = FREE
    :: else ->
        decide(c);
        if
        :: reply == FREE ->
#ifdef BREAK_REPLACES_AT_ONCE
            /* Rule 8 broken: an intent replaces. */
            if :: current != NONE -> write(current, WITHDRAWN) :: else fi;
#endif
            write(c, NOTED); isPast[c] = 0
        :: else
        fi
    fi
}

inline schedule(c) {
    write(c, SCHEDULED); reply = CONFIRMED;
    printf("   ledger: call %d is CONFIRMED\n", c)
}

/* Another's confirm takes its place, and what was owed on its account. */
inline replace(old, c) {
    printf("   ledger: call %d's job is replaced\n", old);
    if :: IS(old, WAITING) -> REACHED(WAITING_REPLACED) :: else REACHED(OTHER_REPLACED) fi;
#ifdef BREAK_FORGET_REPLACED
    write(old, UNKNOWN);                /* Rule 8 broken: its name is forgotten at once. */
#else
    write(old, WITHDRAWN);
#endif
    mustNotRun[old] = 1;
    move_owed(old, c)
}

#ifdef BREAK_CONFIRM_UNKNOWN
/* Rule 8 broken: what the record does not know is confirmed as an intent is. */
#define CONFIRM_IS_ABSENT(c) false
#else
/* Whether it was refused, and its copies are deleted for that, is what the ledger may have lost. */
#define CONFIRM_IS_ABSENT(c) IS(c, UNKNOWN)
#endif

inline perform_confirm(c) {
    if
    :: IS_CURRENT_ITSELF(c) ->
        if :: entry[c] > SCHEDULED -> REACHED(CONFIRMED_BY_RUN) :: else fi;
        reply = CONFIRMED
    :: IS(c, WITHDRAWN) -> REACHED(LATE_CONFIRM); reply = WAS_WITHDRAWN
    :: CONFIRM_IS_ABSENT(c) -> REACHED(CONFIRM_ABSENT); reply = ABSENT
#ifndef BREAK_LAPSED_CONFIRMED
    /* Else rule 8 is broken: a lapsed intent is confirmed, or refused, as any is. */
    :: HAS_LAPSED(c) -> REACHED(CONFIRM_TOO_LATE); reply = ABSENT
#endif
    :: else ->
        decide(c);
#ifdef BREAK_CONFIRM_UNCHECKED
        reply = FREE; current = NONE;   /* Rule 8 broken: it does not look whether there is another. */
#endif
        if
        :: reply == FREE && current == NONE -> schedule(c)
        :: reply == FREE && current != NONE -> replace(current, c); schedule(c)
        :: else ->
#ifdef BREAK_REFUSED_STAYS_INTENT
            skip                        /* Rule 8 broken: what was refused may be begun later. */
#else
            write(c, WITHDRAWN)
#endif
        fi
    fi
}

#ifdef WITH_FORGOTTEN
/* No copy needs the name. The record keeps that of its only edition. */
inline forget_if_gone(c) {
    if
    :: isGone[c] && (!IS(0, UNKNOWN) + !IS(1, UNKNOWN) + (LAST > 1 -> !IS(LAST, UNKNOWN) : 0)) > 1 ->
        REACHED(FORGOTTEN); entry[c] = UNKNOWN
    :: else
    fi
}
#else
#define forget_if_gone(c) skip
#endif

#ifdef BREAK_WITHDRAW_UNKNOWN
/* Rule 8 broken: what the record does not know is withdrawn as an intent is. */
#define WITHDRAWAL_IS_ABSENT(c) false
#else
/* Whether it was begun, and others were told "already scheduled" for that, is what the ledger may have lost. */
#define WITHDRAWAL_IS_ABSENT(c) IS(c, UNKNOWN)
#endif

inline perform_withdraw(c) {
    if
#ifndef BREAK_WITHDRAW_CONFIRMED
    /* Else rule 8 is broken: others may have been told "already scheduled" on its account. */
    :: IS(c, SCHEDULED) -> reply = IS_SCHEDULED
#endif
    :: IS(c, CLAIMED) || IS(c, WAITING) -> REACHED(WITHDRAWAL_TOO_LATE); reply = HELD
    :: IS(c, DONE) || IS(c, REVOKED) -> reply = FINISHED
    :: IS(c, WITHDRAWN) -> reply = WAS_WITHDRAWN
    :: WITHDRAWAL_IS_ABSENT(c) -> REACHED(WITHDRAWAL_ABSENT); reply = ABSENT
#ifndef BREAK_LAPSED_WITHDRAWN
    /* Else rule 8 is broken: whether it was begun since it lapsed is what the ledger may have lost. */
    :: HAS_LAPSED(c) -> REACHED(LAPSED_STAYS); reply = ABSENT
#endif
    :: else -> REACHED(WITHDRAWAL); write(c, WITHDRAWN); reply = IS_WITHDRAWN; forget_if_gone(c)
    fi
}

/* -- The steps of a call ------------------------------------------------------------------------------------------- */

inline end_call(c, how) {
    phase[c] = how; puts[c] = 0; stored[c] = 0
}

/* With copies to delete or without. */
inline refuse(c, how) {
    printf("   call %d: answers that nothing is scheduled by it (%d)\n", c, reply);
    end_call(c, how);
    must_not_run(c)
}

/* It was not accepted, and "may have run". It does not run any more. */
inline refuse_late(c, how) {
    printf("   call %d: answers that it was withdrawn, and may have run before\n", c);
    end_call(c, how);
    if :: hasBegun[c] -> REACHED(REFUSED_THOUGH_RUN) :: else fi;
    mustNotRun[c] = 1
}

inline begin_call(c, what, replacing) {
    job[c] = what; isReplacing[c] = replacing;
    printf("   call %d: job %d, replacing: %d; sends its intent\n", c, what, replacing);
    phase[c] = INTENDING; intends[c] = 1
}

inline note_refusal() {
    if
    :: reply == SAME -> REACHED(TOLD_SAME_LATE)
    :: reply == TAKEN -> REACHED(TOLD_TAKEN)
    :: reply == HELD -> REACHED(TOLD_HELD)
    :: reply == FINISHED -> REACHED(TOLD_FINISHED)
    :: else -> skip
    fi
}

inline hear_intend(c) {
    printf("   call %d: hears of its intent\n", c);
    if
    :: reply == FREE -> phase[c] = PUTTING
    :: reply == SAME -> REACHED(TOLD_SAME); owe(current); refuse(c, ENDED)
    :: reply == WAS_WITHDRAWN && reply != IS_WITHDRAWN -> refuse_late(c, ENDED)
    :: else -> refuse(c, ENDED)
    fi
}

inline hear_confirm(c) {
    printf("   call %d: hears of its confirm\n", c);
    if
    :: reply == CONFIRMED ->
        end_call(c, ENDED);
        /* What was revoked meanwhile is answered alike, and not owed any more. */
        if :: !mustNotRun[c] -> owe(c) :: else fi
    :: reply == ABSENT -> end_call(c, ENDED)
    :: reply == WAS_WITHDRAWN && reply != IS_WITHDRAWN ->
        REACHED(TOLD_WITHDRAWN); refuse_late(c, TIDYING); withdraws[c] = 1
    :: else ->
        note_refusal();
        if :: reply == SAME -> owe(current) :: else fi;
        refuse(c, TIDYING);
        withdraws[c] = 1
    fi
}

inline hear_withdraw(c) {
    printf("   call %d: hears of its withdrawal\n", c);
    if
    :: reply == IS_WITHDRAWN && phase[c] == WITHDRAWING -> refuse(c, REFUSED)
    :: reply == WAS_WITHDRAWN && reply != IS_WITHDRAWN && phase[c] == WITHDRAWING -> refuse_late(c, REFUSED)
    :: (reply == IS_WITHDRAWN || reply == WAS_WITHDRAWN) && phase[c] == TIDYING -> end_call(c, REFUSED)
    :: else -> end_call(c, ENDED)
    fi
}

#ifdef WITH_LOST_WRITES
inline note_nameless(c) {
    isNameless[c] = 1
}
#else
#define note_nameless(c) skip
#endif
#ifdef WITHOUT_LOST_DELETIONS
inline note_deletion(c) {
    if :: IS(c, WITHDRAWN) && !hasLost -> hasDeleted[c] = 1 :: else fi
}
#else
#define note_deletion(c) skip
#endif

inline begin(c) {
    if
    :: IS(c, INTENDED) -> REACHED(LAPSED_RUNS); lapse(c)
    :: IS(c, UNKNOWN) -> REACHED(UNKNOWN_RUNS); note_nameless(c)
    :: IS(c, CLAIMED) -> REACHED(ANOTHER_OWNER)
    :: else
    fi;
    printf("   consumer: BEGINS call %d's job\n", c);
    write(c, CLAIMED);
    if :: !HAS_LOST && (isRunning[0] || isRunning[1] || isRunning[LAST]) -> twoRuns = 1 :: else fi;
    assert(!twoRuns);
    isRunning[c] = 1; hasBegun[c] = 1;
    if :: mustNotRun[c] && !HAS_LOST -> runsAllTheSame = 1 :: else fi;
    assert(!runsAllTheSame)
}

inline complete(c) {
    printf("   consumer: COMPLETES call %d's job\n", c);
    write(c, DONE);
    isRunning[c] = 0; settle_owed(c); hasCompleted[c] = 1;
    if
    :: !HAS_LOST && (hasCompleted[0] + hasCompleted[1] + (LAST > 1 -> hasCompleted[LAST] : 0) > 1) -> completesTwice = 1
    :: else
    fi;
    assert(!completesTwice)
}

inline delete_copy(c) {
    copies[c]--; note_deletion(c);
    check_not_lost()
}

/*
 * What makes no difference any more is forgotten, so that fewer states differ. REDUCED also takes it for granted that
 * an entry once over is never anything else, which write() checks: then its copies do nothing but go, whenever they do.
 */
#define HAS_ANSWERED(c) (phase[c] >= TIDYING)

inline tidy(c) {
    if :: HAS_LAPSED(c) && phase[c] == ENDED -> confirms[c] = 0; withdraws[c] = 0 :: else fi;
    if
    :: !IS(c, INTENDED) && !MAY_BE_INTENDED_AGAIN(c) -> isPast[c] = 0
    :: phase[c] == ENDED && !confirms[c] && !withdraws[c] -> isPast[c] = 0
    :: else
    fi;
    if :: entry[c] >= SCHEDULED && !IS(c, WITHDRAWN) -> intends[c] = 0; confirms[c] = 0; withdraws[c] = 0 :: else fi;
#ifdef REDUCED
    if :: entry[c] == INTENDED -> intends[c] = 0 :: else fi;
    if :: HAS_ANSWERED(c) -> hasBegun[c] = 0 :: else fi;
    if
    :: IS_OVER(c) && IS_FINAL ->
        intends[c] = 0; confirms[c] = 0; withdraws[c] = 0;
        copies[c] = 0; late[c] = 0;
        if :: HAS_ANSWERED(c) -> job[c] = 0; mustNotRun[c] = 0 :: else fi
    :: else
    fi;
    if :: entry[c] >= SCHEDULED && HAS_ANSWERED(c) && IS_FINAL -> isReplacing[c] = 0 :: else fi;
    if
    :: entry[c] == UNKNOWN && HAS_ANSWERED(c) && !intends[c] && IS_FINAL && copies[c] == 0 && late[c] == 0 ->
        job[c] = 0; isReplacing[c] = 0; mustNotRun[c] = 0
    :: else
    fi
#endif
    skip
}
#if CALLS > 2
#define TIDY tidy(0); tidy(1); tidy(2)
#else
#define TIDY tidy(0); tidy(1)
#endif

#ifdef BREAK_NO_LAPSE
#define LAPSES(c) false                 /* Rule 8 broken: an intent never lapses. */
#else
#define LAPSES(c) IS(c, INTENDED)
#endif
inline lapse(c) {
    printf("   ledger: call %d's intent has LAPSED\n", c);
    isPast[c] = 1
}

#ifdef BREAK_LAPSED_BESIDE
/* Rule 8 broken: a lapsed intent is granted, whatever else there is. */
#define MAY_LAPSE_AND_RUN(c) LAPSES(c)
#define MAY_LAPSE_AND_GO(c) false
#else
#define MAY_LAPSE_AND_RUN(c) (LAPSES(c) && CURRENT == NONE)
#define MAY_LAPSE_AND_GO(c) (LAPSES(c) && CURRENT != NONE)
#endif
#ifdef BREAK_UNKNOWN_GOES
/* Rule 8 broken: what the record does not know is deleted unrun. */
#define UNKNOWN_GOES true
#else
#define UNKNOWN_GOES false
#endif
#define CAN_BEGIN(c) (copies[c] > 0 && !isRunning[c] && \
                      (IS(c, SCHEDULED) || IS(c, WAITING) || IS(c, CLAIMED) || (IS(c, UNKNOWN) && !UNKNOWN_GOES) || \
                       MAY_LAPSE_AND_RUN(c)))
#define CAN_GO(c) (copies[c] > 0 && !isRunning[c] && \
                   ((IS(c, UNKNOWN) && UNKNOWN_GOES) || MAY_LAPSE_AND_GO(c)))

#if defined(BREAK_DELETE_FIRST)
/* Rule 8 broken: it deletes its copies, and then tells the ledger. */
#define CAN_DELETE(c) (phase[c] == REFUSED || phase[c] == WITHDRAWING)
#elif defined(BREAK_DELETE_UNANSWERED)
/* Rule 8 broken: without an answer to its confirm it deletes its copies. */
#define CAN_DELETE(c) (phase[c] == REFUSED || phase[c] == GIVEN_UP)
#define GIVEN_UP 8
#else
#define CAN_DELETE(c) (phase[c] == REFUSED)
#endif

#if defined(BREAK_DELETE_UNANSWERED)
#define STEPS_OF_BROKEN_CALL(c) \
    :: d_step { phase[c] == CONFIRMING && !isCalm -> \
            printf("   call %d: gives up, and deletes its copies\n", c); phase[c] = GIVEN_UP; TIDY }
#elif defined(BREAK_WITHDRAW_UNANSWERED)
/* Rule 8 broken: without an answer to its confirm it withdraws. */
#define STEPS_OF_BROKEN_CALL(c) \
    :: d_step { phase[c] == CONFIRMING && !isCalm -> \
            printf("   call %d: has no answer to its confirm, sends a withdrawal\n", c); \
            phase[c] = WITHDRAWING; withdraws[c] = 1; TIDY }
#elif defined(BREAK_CONFIRM_AGAIN)
/* Rule 8 broken: without an answer to its confirm it sends it again. */
#define STEPS_OF_BROKEN_CALL(c) \
    :: d_step { phase[c] == CONFIRMING && !isCalm -> \
            printf("   ledger: call %d's confirm arrives, it does not hear of it, and sends it again\n", c); \
            perform_confirm(c); reply = 0; current = 0; check_not_lost(); TIDY }
#else
#define STEPS_OF_BROKEN_CALL(c)
#endif

#define CONFIRM_IS_SENT(c) (phase[c] == CONFIRMING || (confirms[c] && !isCalm))
inline confirm_arrives(c) {
    printf("   ledger: call %d's confirm arrives\n", c);
    perform_confirm(c); confirms[c] = 0;
    if :: phase[c] == CONFIRMING -> hear_confirm(c) :: else fi;
    reply = 0; current = 0; check_not_lost()
}

#define IS_WITHDRAWING(c) (phase[c] == WITHDRAWING || phase[c] == TIDYING)
#define WITHDRAWAL_IS_SENT(c) (IS_WITHDRAWING(c) || (withdraws[c] && !isCalm))
inline withdrawal_arrives(c) {
    printf("   ledger: call %d's withdrawal arrives\n", c);
    perform_withdraw(c);
    if :: IS_WITHDRAWING(c) -> hear_withdraw(c) :: else fi;
    reply = 0; check_not_lost()
}

#ifdef WITH_FORGOTTEN
inline note_gone(c) {
    isGone[c] = (copies[c] == 0 && late[c] == 0)
}
#define STEPS_OF_PUTS(c) \
    :: d_step { phase[c] == PUTTING && puts[c] < PUTS -> \
            printf("   call %d: puts a copy, which is refused, as it knows\n", c); puts[c]++; TIDY }
#else
#define note_gone(c) skip
#define STEPS_OF_PUTS(c)                /* they are among those that are not answered, and never stored */
#endif

#define STEPS_OF_CALL(c) \
    :: d_step { phase[c] == INTENDING || (intends[c] && !isCalm) -> \
            printf("   ledger: call %d's intent arrives\n", c); perform_intend(c); \
            if :: phase[c] == INTENDING -> hear_intend(c) :: else fi; reply = 0; current = 0; check_not_lost(); TIDY } \
    :: d_step { phase[c] == INTENDING && !isCalm -> \
            printf("   ledger: call %d's intent arrives, it does not hear of it\n", c); perform_intend(c); \
            reply = 0; current = 0; check_not_lost(); TIDY } \
    :: d_step { phase[c] == PUTTING && puts[c] < PUTS -> \
            printf("   call %d: puts a copy, which is stored\n", c); puts[c]++; stored[c]++; copies[c]++; TIDY } \
    :: d_step { phase[c] == PUTTING && puts[c] < PUTS -> \
            printf("   call %d: puts a copy, which is refused, or not answered\n", c); puts[c]++; late[c]++; TIDY } \
    :: d_step { phase[c] == PUTTING && puts[c] == PUTS && stored[c] > 0 -> \
            printf("   call %d: has enough copies, sends its confirm\n", c); \
            end_call(c, CONFIRMING); confirms[c] = 1; TIDY } \
    :: d_step { phase[c] == PUTTING && puts[c] == PUTS -> \
            printf("   call %d: has not enough copies, or is cancelled, and sends its withdrawal\n", c); \
            note_gone(c); end_call(c, WITHDRAWING); withdraws[c] = 1; TIDY } \
    STEPS_OF_PUTS(c) \
    :: d_step { CONFIRM_IS_SENT(c) -> confirm_arrives(c); TIDY } \
    :: d_step { CONFIRM_IS_SENT(c) && LAPSES(c) && !isPast[c] -> lapse(c); confirm_arrives(c); TIDY } \
    :: d_step { WITHDRAWAL_IS_SENT(c) -> withdrawal_arrives(c); TIDY } \
    :: d_step { WITHDRAWAL_IS_SENT(c) && LAPSES(c) && !isPast[c] -> lapse(c); withdrawal_arrives(c); TIDY } \
    :: d_step { CAN_DELETE(c) && copies[c] > isRunning[c] -> \
            printf("   call %d: deletes a copy\n", c); delete_copy(c); TIDY } \
    STEPS_OF_BROKEN_CALL(c) \
    :: d_step { phase[c] > NEW && phase[c] < ENDED && !isCalm -> \
            printf("   call %d: DIES, or gives up\n", c); end_call(c, ENDED); TIDY } \
    :: d_step { late[c] > 0 -> \
            printf("   node: stores call %d's copy now\n", c); \
            if :: IS(c, WITHDRAWN) -> REACHED(LATE_COPY) :: else fi; late[c]--; copies[c]++; \
            if :: phase[c] == REFUSED -> phase[c] = TIDYING; withdraws[c] = 1 :: else fi; TIDY } \
    :: d_step { late[c] > 0 && isCalm -> printf("   node: never stores call %d's copy\n", c); late[c]--; TIDY } \
    :: d_step { CAN_BEGIN(c) -> begin(c); TIDY } \
    :: d_step { CAN_GO(c) -> \
            if :: IS(c, INTENDED) -> lapse(c) :: else fi; \
            printf("   consumer: is told that call %d's job shall not run\n", c); \
            REACHED(LAPSED_GOES); \
            write(c, WITHDRAWN); check_not_lost(); TIDY } \
    :: d_step { isRunning[c] && IS(c, CLAIMED) -> complete(c); TIDY } \
    :: d_step { isRunning[c] && IS(c, CLAIMED) && !isCalm -> \
            printf("   consumer: makes call %d's job wait\n", c); write(c, WAITING); isRunning[c] = 0; TIDY } \
    :: d_step { isRunning[c] && (!isCalm || !IS(c, CLAIMED)) -> \
            printf("   consumer: loses its claim of call %d's job\n", c); isRunning[c] = 0; TIDY } \
    :: d_step { copies[c] > 0 && !isRunning[c] && (IS(c, DONE) || IS(c, REVOKED) || IS(c, WITHDRAWN)) -> \
            printf("   consumer: learns that call %d's job is over, and deletes a copy\n", c); delete_copy(c); TIDY }

#define CAN_REVOKE (IS(current, SCHEDULED) || IS(current, WAITING) || (IS(current, CLAIMED) && !isRunning[current]))

#ifdef WITH_LOST_WRITES
#if defined(WITHOUT_LOST_DELETIONS)
/* No copy was deleted because of a write that is lost, and no call is about to. */
#define IS_DELETION_LOST(c) (IS(c, WITHDRAWN) && saved[c] != WITHDRAWN && \
                             (hasDeleted[c] || (phase[c] == REFUSED && copies[c] > 0)))
#define MAY_LOSE (!IS_DELETION_LOST(0) && !IS_DELETION_LOST(1) && !IS_DELETION_LOST(LAST))
#elif defined(WITHOUT_LOST_WITHDRAWALS)
/* No call is about to delete copies because of a write that is lost. */
#define IS_DELETION_LOST(c) (phase[c] == REFUSED && copies[c] > 0 && saved[c] != WITHDRAWN)
#define MAY_LOSE (!IS_DELETION_LOST(0) && !IS_DELETION_LOST(1) && !IS_DELETION_LOST(LAST))
#else
#define MAY_LOSE true
#endif

inline lose_writes(c) {
    entry[c] = saved[c]; saved[c] = 0;
    intends[c] = 0; confirms[c] = 0; withdraws[c] = 0; hasDeleted[c] = 0
}
#endif

proctype World() {
end:
    do
    :: d_step { phase[0] == NEW && !isCalm -> begin_call(0, 0, 0); TIDY }
    :: d_step { phase[0] == NEW && !isCalm -> begin_call(0, 0, 1); TIDY }
    :: d_step { phase[0] != NEW && phase[1] == NEW && !isCalm -> begin_call(1, 0, 0); TIDY }
    :: d_step { phase[0] != NEW && phase[1] == NEW && !isCalm -> begin_call(1, 0, 1); TIDY }
    :: d_step { phase[0] != NEW && phase[1] == NEW && !isCalm -> begin_call(1, 1, 0); TIDY }
    :: d_step { phase[0] != NEW && phase[1] == NEW && !isCalm -> begin_call(1, 1, 1); TIDY }
#if CALLS > 2
    :: d_step { phase[1] != NEW && phase[2] == NEW && !isCalm -> begin_call(2, 0, 0); TIDY }
    :: d_step { phase[1] != NEW && phase[2] == NEW && !isCalm -> begin_call(2, 0, 1); TIDY }
    :: d_step { phase[1] != NEW && phase[2] == NEW && !isCalm -> begin_call(2, 1, 0); TIDY }
    :: d_step { phase[1] != NEW && phase[2] == NEW && !isCalm -> begin_call(2, 1, 1); TIDY }
#ifdef WITH_THREE_JOBS
    :: d_step { phase[1] != NEW && phase[2] == NEW && job[1] == 1 && !isCalm -> begin_call(2, 2, 0); TIDY }
    :: d_step { phase[1] != NEW && phase[2] == NEW && job[1] == 1 && !isCalm -> begin_call(2, 2, 1); TIDY }
#endif
#endif
    STEPS_OF_CALL(0)
    STEPS_OF_CALL(1)
#if CALLS > 2
    STEPS_OF_CALL(2)
#endif
#ifdef WITH_REVOKE
    :: d_step { !isCalm && CURRENT != NONE && !IS_SOME(DONE) && !IS_SOME(REVOKED) ->
            current = CURRENT;
            if
            :: CAN_REVOKE ->
                printf("   ledger: call %d's job is REVOKED\n", current);
                REACHED(REVOKED_BY_ID);
                write(current, REVOKED); settle_owed(current); mustNotRun[current] = 1
            :: else
            fi;
            current = 0; check_not_lost(); TIDY }
#endif
#ifdef WITH_LOST_WRITES
    :: d_step { !isCalm && !hasSaved ->
            hasSaved = 1; saved[0] = entry[0]; saved[1] = entry[1]; saved[LAST] = entry[LAST]; TIDY }
    :: d_step { !isCalm && hasSaved && !hasLost && MAY_LOSE ->
            printf("   ledger: LOSES WRITES\n");
            hasLost = 1;
            lose_writes(0); lose_writes(1);
#if CALLS > 2
            lose_writes(2);
#endif
            check_not_lost(); TIDY }
#endif
#ifdef WITH_REST
    :: d_step { !isCalm -> printf("   no more faults\n"); isCalm = 1; TIDY }
#endif
    od
}

#ifdef WITH_REST
bit isAtRest;
#define IS_LEFT(c) (copies[c] > 0 || late[c] > 0 || isRunning[c] || (phase[c] != NEW && phase[c] < REFUSED))

/* When nothing can happen any more, nothing is left over, and what must not be lost was run. */
proctype Rest() {
end:
    timeout ->
        d_step {
            if :: !isCalm || IS_LEFT(0) || IS_LEFT(1) || IS_LEFT(LAST) -> isRestless = 1 :: else fi;
            assert(!isRestless);
            if :: SOME_IS_OWED -> isLost = 1 :: else fi;
            assert(!isLost);
            REACHED(REST);
            isAtRest = 1
        }
}
#endif

init {
    atomic {
        run World();
#ifdef WITH_REST
        run Rest();
#endif
    }
}

#ifdef CHECK_REST
/* Once all is calm, nothing goes on for ever. */
never {
    do
    :: true
    :: isCalm -> goto accept
    od;
accept:
    do
    :: !isAtRest
    od
}
#endif

/*
 * The ledger protocol: one job, its copies on nodes, two consumers, a producer that may revoke, one ledger, and an
 * operator who may replay a dead job.
 *
 * Every line that begins with "::" in a process is one step, and the steps of all processes come in any order. A pause
 * of any length is therefore nothing special: it is a process that takes no step while others do and time passes.
 *
 * README.md explains the switches: WITH_... adds a part, BREAK_... takes a rule away.
 */

#define CONSUMERS 2

/*
 * How many puts there may have been. With a lead, that is the last copy, whose put may come at any time; the one beyond
 * COPIES is its spare, under the same index. With names, the lead's line names the others, its standbys.
 */
#ifndef COPIES
#define COPIES 3                        /* what the envelope says, and the ledger counts */
#endif
#ifdef WITH_LEAD
#define PUTS (COPIES + 1)
#else
#define PUTS COPIES
#endif
#if defined(WITH_LEAD) || defined(WITH_NAMES)
#define HAS_STANDBYS 1
#else
#define HAS_STANDBYS 0
#endif
#define ALL_INDEXES ((1 << COPIES) - 1)
#define LAST (COPIES - 1)
#define SPARE COPIES
#define INDEX(k) ((k) == COPIES -> COPIES - 1 : (k))

#define BIT(k) (1 << (k))
#define HAS(set, k) (((set) >> (k)) & 1)

/* -- The nodes: what each has of the job ------------------------------------------------------------------------ */

#define MISSING 0                       /* never stored */
#define HIDDEN  1                       /* its put is owed, or under way, or never answered: it may yet be stored */
#define READY   2
#define SLEEPING 3                      /* ready as well, but only once the job is not dead any more; see SENT_BACK */
#define DELETED 4
#define STRANGER 5                      /* the node lost its log, and gave the copy's id to somebody else's job */
#define HELD(c) (6 + (c))               /* reserved by a consumer's connection */

byte copy[PUTS];
#define IS_LEFT(k) (copy[k] == READY || copy[k] == SLEEPING || copy[k] >= HELD(0))

#ifdef WITH_NAMES
/* A name is a server process and an id there. Once that process has ended, no connection is one to it, and commands on
 * those there were are lost with them. So these are sets of standbys whose process still runs. */
byte named;                             /* those in the lead's line */
byte sent;                              /* those whose delete by name is under way, whoever sent it */
#define NAME_RANK(k) (HAS(named, k) * 2 + HAS(sent, k))
#else
#define NAME_RANK(k) 0
#endif

/* -- The ledger's record (LedgerRecord) -------------------------------------------------------------------------- */

#define ABSENT  0
#define CLAIMED 1
#define WAITING 2
#define DONE    3
#define REVOKED 4
#define DEAD    5                       /* given up; stays so, with all copies, until somebody replays or revokes it */

byte record;
byte owner;                             /* who claimed it, or settled it; 0 nobody */
bit leaseIsOver;                        /* by the ledger's clock */
byte gone;                              /* the set of indexes known deleted */

/* -- Requests to the ledger: at most one a consumer is under way ------------------------------------------------- */

#define NOTHING  0
#define SENT     1
#define STRAY    2                      /* under way, but nobody waits for the answer any more */
#define ANSWERED 3

#define CLAIM    1
#define COMPLETE 2
#define RELEASE  3                      /* or retry, with no delay */
#define BURY     4                       /* settle as dead */
#define FORGET   5

#define GRANTED    1
#define BE_PATIENT 2                    /* held, or waiting */
#define FINISHED   3                    /* done or revoked */
#define IS_DEAD    4
#define SETTLED    5
#define LOST       6
#define FAILED     7                    /* no answer: connection lost, server away */

byte request[CONSUMERS];                /* NOTHING, SENT, STRAY, ANSWERED */
byte operation[CONSUMERS];
byte asker[CONSUMERS];                  /* the owner in the request */
byte argument[CONSUMERS];               /* of FORGET: a set of indexes */
byte answer[CONSUMERS];

#ifdef WITH_LATE
/* A BURY for which nobody waits is under way beside it, and may arrive after what is sent later. */
byte lateBury[CONSUMERS];               /* the owner in it; 0 for none */
byte unread;                            /* the answer to it, for a moment */
#define IS_OF_LATE_BURY(c, token) (lateBury[c] == (token))
#else
#define IS_OF_LATE_BURY(c, token) false
#endif

#ifdef WITH_RENEW
/* A renewal is under way beside it. */
#define PLAIN      1
#define RECREATING 2
byte renewal[CONSUMERS];
bit renewalIsYoung[CONSUMERS];          /* sent less than a lease ago */
#define IS_RECREATING(c) (renewal[c] == RECREATING)
#else
#define IS_RECREATING(c) false
#endif

/* -- The consumers (ConsumerCore), each with at most this job in hand (HeldJob) ------------------------------------ */

#define IDLE       0
#define HOLDING    1                    /* or parked: it will ask, or ask again, for the claim */
#define CLAIMING   2
#define VERIFYING  3
#define VERIFIED   4                    /* the node said TOUCHED; the answer has not been looked at */
#define RUNNING    5                    /* HeldPhase.claimed: the application has it */
#define SETTLING   6
#define FINISHING  7

byte phase[CONSUMERS];
byte hand[CONSUMERS];                   /* the set of copies it believes to hold */
bit isFresh[CONSUMERS];                 /* a reservation of it is less than a ttr old, by its own clock; kept while it
                                           holds and claims, where it counts */
byte me[CONSUMERS];                     /* the owner it claimed as; a token made afresh for each claim */
bit leaseIsValid[CONSUMERS];            /* less than a lease has passed since the last confirmed request was sent */
bit isUnanswered[CONSUMERS];            /* HeldJob.unansweredOwner: the next claim is a repeat */
byte settlement[CONSUMERS];
#ifdef WITH_NAMES
bit hasRead[CONSUMERS];                 /* it has read the lead's line */
#endif

/* -- What the promises are about ----------------------------------------------------------------------------------- */

bit wasCompleted;
bit wasRevoked;
bit isDead;                             /* it was settled as dead, and neither replayed nor revoked since */
bit isOver;

/*
 * From some instant on there are no more faults, operators do nothing more, and applications settle what they are
 * given. Then everything must come to rest, in a good state. Before it, everything happens that may.
 */
#define FAULTS    0
#define CALM      1
#define CALM_ALONE 2                    /* consumer 1 crashed and does not come back */
byte weather;

#define IS_ALIVE(c) (weather != CALM_ALONE || (c) == 0)
#define HAS_FAULTS (weather == FAULTS)

#define CAN_RUN_AGAIN (IS_LEFT(0) || IS_LEFT(1) || (PUTS > 2 && IS_LEFT(PUTS - 1)) || (PUTS > 3 && IS_LEFT(PUTS - 2)))

#define NONE_IS_DELETED (copy[0] != DELETED && copy[1] != DELETED && (PUTS <= 2 || copy[PUTS - 1] != DELETED) && \
                         (PUTS <= 3 || copy[PUTS - 2] != DELETED))

/* Promise 4: not lost. After every step that takes a copy or changes the record. A dead job has every copy it had. */
inline check_not_lost() {
    assert(wasCompleted || wasRevoked || CAN_RUN_AGAIN);
#if !defined(BREAK_DELETE_DEAD) && !defined(BREAK_DELETE_TOLD_DEAD) && !defined(BREAK_NAMES_OF_DEAD)
    /* Without these rules it would say so at the first copy; but what is shown is that the last one goes too. */
    assert(record != DEAD || NONE_IS_DELETED)
#endif
}

/* What must be possible, or the promises would hold for nothing. NOTE_REACHED prints each once; with REACH the search
 * fails at one of them, which gives a trail that leads there. */
#if defined(NOTE_REACHED)
#define REACHED(what) c_code { static int isNoted; if (!isNoted) { isNoted = 1; printf("reached %s\n", #what); } }
#elif defined(REACH)
#define REACHED(what) assert(what != REACH)
#else
#define REACHED(what) skip
#endif
#define COMPLETION              1
#define COMPLETION_AFTER_LEASE  2
#define TAKEOVER                3
#define REPEATED_CLAIM          4       /* granted again, after its answer was lost */
#define GRANT_AFTER_LEASE       5       /* given back unrun */
#define GRANT_WITHOUT_COPY      6       /* likewise: the reservation was over */
#define CLAIM_LOST              7
#define GIVEN_BACK              8
#define RECORD_GONE             9
#define REVOCATION             10
#define REVOCATION_AFTER_LEASE 11       /* of a job whose owner fell silent */
#define LATE_STANDBY           12       /* stored after the lead was put, and so not named */
#define LEAD_ON_SPARE          13
#define RENEWAL                14
#define RENEWAL_REFUSED        15
#define REST                   16
#define DEATH                  17
#define DEATH_REPEATED         18       /* settled as dead again by the same request, and answered alike */
#define DEATH_REFUSED          19       /* to one who has lost its claim */
#define TOLD_DEAD              20
#define REPLAY                 21
#define SENT_BACK_AFTER_REPLAY 22       /* by one who was told before it that the job is dead */
#define DROP                   23       /* a dead job is revoked */
#define LATE_BURY              24       /* arrives when its sender has another claim */
#define DELETED_BY_NAME        25
#define NAME_NOT_FOUND         26       /* its delete finds the standby reserved */
#define NAME_BEFORE_REPLY      27       /* likewise, and whoever reserved it does not know yet */
#define NAME_LOST              28       /* a node restarts, somebody has read a name on it */
#define DELETE_LOST            29       /* likewise: its delete is under way */
#define STRANGER_SPARED        30       /* likewise: the id means a stranger's job now */
#define RESCUE                 31       /* a lead was held that is lost, and its standby is taken instead */
#define LATE_LEAD              32       /* is stored when the job is over */

/* A token is new when nobody and nothing has it any more: the record and each request under way may have another. */
#ifdef WITH_LATE
#define TOKENS 3
#else
#define TOKENS 2
#endif
#define TOKEN(c, n) (1 + TOKENS * (c) + (n))
#define IS_TOKEN_OF(c, token) ((token) >= TOKEN(c, 0) && (token) <= TOKEN(c, TOKENS - 1))
#define SOMEBODY (1 + 2 * TOKENS)
#define IS_NEW(c, token) ((token) != owner && !IS_OF_LATE_BURY(c, token))

#ifdef SYMMETRY
/*
 * Which copy is called 0, 1 or 2 makes no difference, so of states that differ in that only, one is enough: after
 * every step the copies are put in order.
 */
#define RANK(k) ((((copy[k] * 2 + HAS(hand[0], k)) * 2 + HAS(hand[1], k)) * 2 + HAS(gone, k)) * 4 + NAME_RANK(k))
#define BITS_SWAPPED(set, i, j) (HAS(set, i) != HAS(set, j) -> (set) ^ (BIT(i) | BIT(j)) : (set))
hidden byte saved;

inline order_of(c, i, j) {
    hand[c] = BITS_SWAPPED(hand[c], i, j);
    if
    :: operation[c] == FORGET -> argument[c] = BITS_SWAPPED(argument[c], i, j)
    :: else
    fi
}

inline order(i, j) {
    if
    :: RANK(i) < RANK(j) ->
        saved = copy[i]; copy[i] = copy[j]; copy[j] = saved;
        gone = BITS_SWAPPED(gone, i, j);
#ifdef WITH_NAMES
        named = BITS_SWAPPED(named, i, j);
        sent = BITS_SWAPPED(sent, i, j);
#endif
        order_of(0, i, j);
        order_of(1, i, j)
    :: else
    fi
}

/* The same goes for the consumers. */
#define CONSUMER_RANK(c) (((phase[c] * 16 + hand[c]) * 4 + request[c]) * 8 + operation[c])
#define OTHERS_TOKEN(t) ((t) == 0 || (t) == SOMEBODY -> (t) : ((t) < TOKEN(1, 0) -> (t) + TOKENS : (t) - TOKENS))
#define OTHERS_COPY(k) (copy[k] == HELD(0) -> HELD(1) : (copy[k] == HELD(1) -> HELD(0) : copy[k]))
#define SWAP(what) saved = what[0]; what[0] = what[1]; what[1] = saved
#define SWAP_TOKEN(what) saved = what[0]; what[0] = OTHERS_TOKEN(what[1]); what[1] = OTHERS_TOKEN(saved)

inline swap_consumers() {
    SWAP(phase); SWAP(hand); SWAP(isFresh); SWAP_TOKEN(me); SWAP(leaseIsValid); SWAP(isUnanswered);
    SWAP(settlement);
#ifdef WITH_NAMES
    SWAP(hasRead);
#endif
    SWAP(request); SWAP(operation); SWAP_TOKEN(asker); SWAP(argument); SWAP(answer);
#ifdef WITH_RENEW
    SWAP(renewal); SWAP(renewalIsYoung);
#endif
#ifdef WITH_LATE
    SWAP_TOKEN(lateBury);
#endif
    owner = OTHERS_TOKEN(owner);
    copy[0] = OTHERS_COPY(0); copy[1] = OTHERS_COPY(1);
#if PUTS > 2
    copy[2] = OTHERS_COPY(2);
#endif
#if PUTS > 3
    copy[3] = OTHERS_COPY(3);
#endif
}

inline tidy() {
    if
    :: CONSUMER_RANK(0) < CONSUMER_RANK(1) && weather != CALM_ALONE -> swap_consumers()
    :: else
    fi;
    /* A lead, and its spare, are not like the others. */
#if COPIES > 2 && !HAS_STANDBYS
    order(1, 2);
    order(0, 1);
    order(1, 2)
#elif COPIES > 2 || !HAS_STANDBYS
    order(0, 1)
#else
    skip
#endif
}
#define TIDY disown(0); disown(1); drop_names(); tidy()
#else
#define TIDY disown(0); disown(1); drop_names()
#endif

/* A copy that is deleted needs no name, and whoever has read none is like one who has not read. */
inline drop_names() {
#ifdef WITH_NAMES
    if :: copy[0] == DELETED -> named = named & ~BIT(0); sent = sent & ~BIT(0) :: else fi;
    if :: copy[1] == DELETED -> named = named & ~BIT(1); sent = sent & ~BIT(1) :: else fi;
    if :: named == 0 -> hasRead[0] = 0; hasRead[1] = 0 :: else fi
#else
    skip
#endif
}

/* -- Steps of a consumer --------------------------------------------------------------------------------------------- */

#ifdef WITH_RENEW
inline no_renewal(c) {
    renewal[c] = NOTHING; renewalIsYoung[c] = 0
}
#endif

/* An owner whose token nobody has any more, and no request either, is as good as any other such owner; and a renewal
 * whose sender is no longer at work can only delay the end of a lease that may come at any time anyway. */
inline disown(c) {
#ifdef WITH_RENEW
    if
    :: renewal[c] != NOTHING && phase[c] != RUNNING -> no_renewal(c)
    :: else
    fi;
#endif
    if
    :: IS_TOKEN_OF(c, owner) && owner != me[c] && owner != asker[c] && !IS_OF_LATE_BURY(c, owner) ->
        owner = (record == CLAIMED -> SOMEBODY : 0)
    :: else
    fi
}

inline let_go(c) {
    me[c] = 0; disown(c);
    phase[c] = IDLE; hand[c] = 0; isFresh[c] = 0; leaseIsValid[c] = 0; isUnanswered[c] = 0;
    settlement[c] = 0;
#ifdef WITH_NAMES
    hasRead[c] = 0
#endif
}

inline lose_copy(c, k) {
    hand[c] = hand[c] & ~BIT(k)
}

inline end_claim(c) {
    me[c] = 0; disown(c); leaseIsValid[c] = 0; settlement[c] = 0
}

/* It waits with what it has in hand, and will ask (again). Reservations that may have grown old are touched first. One
 * that ends after that stays in hand until it is missed. */
inline wait_with_copies(c) {
    touch_old(c);
    if
    :: hand[c] == 0 -> let_go(c)
    :: else -> end_claim(c); phase[c] = HOLDING; isFresh[c] = 1
    fi
}

inline touch_old(c) {
    if
    :: !isFresh[c] -> touch_copy(c, 0); touch_copy(c, 1);
#if PUTS > 2
        touch_copy(c, 2);
#endif
#if PUTS > 3
        touch_copy(c, 3);
#endif
    :: else
    fi
}

inline touch_copy(c, k) {
    if :: copy[k] == HELD(c) :: else -> lose_copy(c, k) fi
}

#define HOLDS(c, k) (copy[k] == HELD(c) && HAS(hand[c], k))

/* release, on all nodes. One that is not ours any more answers NOT_FOUND. */
inline release_copies(c, to) {
    if :: HOLDS(c, 0) -> copy[0] = to :: else fi;
    if :: HOLDS(c, 1) -> copy[1] = to :: else fi;
    if :: PUTS > 2 && HOLDS(c, PUTS - 1) -> copy[PUTS - 1] = to :: else fi;
    if :: PUTS > 3 && HOLDS(c, PUTS - 2) -> copy[PUTS - 2] = to :: else fi;
    hand[c] = 0; isFresh[c] = 0
}

/*
 * A dead job's copies go back with a long delay. When that ends does not matter as long as there are faults, and a copy
 * that nobody reserves is like one that sleeps: so it is ready at once. Once all is calm it would come back and be sent
 * back for ever, so it sleeps for as long as the job is dead.
 */
#define SENT_BACK (HAS_FAULTS -> READY : SLEEPING)

inline let_go_of_dead(c) {
    release_copies(c, SENT_BACK);
    let_go(c)
}

inline send(c, what) {
    request[c] = SENT; operation[c] = what; asker[c] = me[c]
}

inline settle(c, how) {
    phase[c] = SETTLING; settlement[c] = how; isFresh[c] = 0; leaseIsValid[c] = 0; send(c, how)
}

/*
 * Deletes by name are sent over another connection than all else, so they are ordered with nothing. Who sends one may
 * be gone by the time it arrives; one not sent yet is like one that takes longer. More than one of the same standby are
 * like one of which no NOT_FOUND is noticed.
 */
#ifdef WITH_NAMES
#define DELETE_BY_NAME(c) \
    if \
    :: hasRead[c] -> sent = sent | (named & ~hand[c]) \
    :: else \
    fi
#else
#define DELETE_BY_NAME(c) skip
#endif

inline finish(c) {
    phase[c] = FINISHING; isFresh[c] = 0; end_claim(c);
    DELETE_BY_NAME(c);
#ifdef BREAK_FORGET_BEFORE_DELETED
    /* Rule 1 broken: copies count as gone when their deletes are sent. */
    if
    :: hand[c] != 0 ->
        request[c] = STRAY; operation[c] = FORGET; asker[c] = 0; argument[c] = hand[c];
    :: else
    fi
#endif
    if :: hand[c] == 0 -> let_go(c) :: else fi
}

/* ConsumerCore.deliver */
inline deliver(c) {
    if
    :: !leaseIsValid[c] ->
        REACHED(GRANT_AFTER_LEASE);
        printf("   consumer %d: the lease is over already, the claim is given back\n", c);
        settle(c, RELEASE)
    :: else ->
        printf("   consumer %d: RUNS the job\n", c);
        phase[c] = RUNNING; isFresh[c] = 0;
#ifdef BREAK_NAMES_BEFORE_DONE
        DELETE_BY_NAME(c);              /* Rule 6 broken: as the lead is there, its standbys are not needed. */
#endif
        /* Promise 3, and no run after a confirmed completion or revocation. */
        assert(!(phase[1 - c] == RUNNING && leaseIsValid[1 - c]));
        assert(!wasCompleted);
        assert(!wasRevoked);
        /* A dead job does not run again before it was replayed. */
        assert(!isDead)
    fi
}

/* Commands of a connection are performed in order: a delete or release that was sent comes before another reserve. And
 * while its lease is over and its copies are given back, they are for others. */
#define CAN_HAVE(c) (phase[c] == IDLE || phase[c] == HOLDING || phase[c] == CLAIMING || \
                     (phase[c] == RUNNING && leaseIsValid[c]))

#ifdef WITH_NAMES
/* Standbys are also asked for by their ids, over a connection for which there is no such order. And that a node has
 * reserved one, and nobody knows yet, is a state to be told apart: deletes by name find it so. */
#define IS_ASKED_FOR(c, k) ((k) < LAST && !HAS(hand[c], k))
#define CAN_TAKE(c, k) (IS_ALIVE(c) && copy[k] == HELD(c) && !HAS(hand[c], k) && (CAN_HAVE(c) || phase[c] == FINISHING))
#else
#define IS_ASKED_FOR(c, k) false
#endif
#define CAN_RESERVE(c, k) (IS_ALIVE(c) && copy[k] == READY && (CAN_HAVE(c) || IS_ASKED_FOR(c, k)))

inline reserve(c, k) {
    copy[k] = HELD(c);
    if
    :: IS_ASKED_FOR(c, k) -> printf("   node %d: reserves its copy for consumer %d\n", k, c)
    :: else -> take(c, k)
    fi
}

inline take(c, k) {
    printf("   consumer %d: reserves copy %d\n", c, k);
#ifdef WITH_NAMES
    if
    :: phase[c] == HOLDING && hasRead[c] && HAS(named, k) && copy[LAST] != HELD(c) -> REACHED(RESCUE)
    :: else
    fi;
    if :: INDEX(k) == LAST -> hasRead[c] = 1 :: else fi;
#endif
    hand[c] = hand[c] | BIT(k);
    if :: phase[c] == RUNNING || phase[c] == FINISHING :: else -> isFresh[c] = 1 fi;
    if :: phase[c] == IDLE -> phase[c] = HOLDING :: else fi
}

/* Asking while somebody's lease is valid changes nothing, and is left out once all is calm, or it would go on for ever. */
#define IS_WORTH_ASKING(c) (HAS_FAULTS || record != CLAIMED || leaseIsOver || owner == me[c])

#define CAN_CLAIM(c) (IS_ALIVE(c) && phase[c] == HOLDING && request[c] == NOTHING && IS_WORTH_ASKING(c))

inline claim(c) {
    if
    :: isUnanswered[c] -> isUnanswered[c] = 0
    :: else ->
        if
        :: IS_NEW(c, TOKEN(c, 0)) -> me[c] = TOKEN(c, 0)
        :: !IS_NEW(c, TOKEN(c, 0)) && IS_NEW(c, TOKEN(c, 1)) -> me[c] = TOKEN(c, 1)
        :: else -> me[c] = TOKEN(c, TOKENS - 1)
        fi
    fi;
    printf("   consumer %d: sends a claim as owner %d\n", c, me[c]);
    phase[c] = CLAIMING;
    send(c, CLAIM);
    leaseIsValid[c] = 1
}

inline granted(c) {
    if
    :: hand[c] == 0 -> settle(c, RELEASE)
#if !defined(BREAK_STALE_GRANT) && !defined(BREAK_STALE_CLAIM)
    :: hand[c] != 0 && !isFresh[c] -> phase[c] = VERIFYING
#endif
    :: else -> deliver(c)
    fi
}

/* It keeps its name for the next claim, which is a repeat. */
inline no_answer_to_claim(c) {
    printf("   consumer %d: has no answer to its claim\n", c);
    touch_old(c);
    if
    :: hand[c] == 0 -> let_go(c)
    :: else ->
        phase[c] = HOLDING; isFresh[c] = 1; isUnanswered[c] = 1; leaseIsValid[c] = 0
    fi
}

inline claim_answered(c) {
    request[c] = NOTHING; asker[c] = 0; operation[c] = 0; argument[c] = 0;
    if
    :: answer[c] == GRANTED -> printf("   consumer %d: was granted the claim\n", c); granted(c)
    :: answer[c] == FAILED && hand[c] != 0 -> no_answer_to_claim(c)
    :: answer[c] == BE_PATIENT || (answer[c] == FAILED && hand[c] == 0) -> wait_with_copies(c)
    :: answer[c] == FINISHED ->
        printf("   consumer %d: learns that the job is over\n", c);
        finish(c)
    :: answer[c] == IS_DEAD ->
        printf("   consumer %d: learns that the job is dead, and lets go of its copies\n", c);
        if
        :: (record == WAITING || record == CLAIMED) && (HOLDS(c, 0) || HOLDS(c, 1)) -> REACHED(SENT_BACK_AFTER_REPLAY)
        :: else
        fi;
#ifdef BREAK_DELETE_TOLD_DEAD
        finish(c)                       /* Rule 4 broken: it deletes the copies it has. */
#else
#ifdef BREAK_NAMES_OF_DEAD
        DELETE_BY_NAME(c);              /* Rule 4 broken: it deletes the copies that others have. */
#endif
        let_go_of_dead(c)
#endif
    fi;
    answer[c] = 0
}

#define CAN_TOUCH(c, k) (IS_ALIVE(c) && phase[c] == VERIFYING && HAS(hand[c], k))

inline touch(c, k) {
    if
    :: copy[k] == HELD(c) ->
        printf("   consumer %d: touches copy %d\n", c, k);
        phase[c] = VERIFIED
    :: else ->
        printf("   consumer %d: touches copy %d, NOT_FOUND\n", c, k);
        miss(c, k)
    fi
}

/* ConsumerCore.removeCopies */
inline miss(c, k) {
    lose_copy(c, k);
    if
    :: hand[c] == 0 && phase[c] == HOLDING -> let_go(c)
    :: hand[c] == 0 && phase[c] == VERIFYING ->
        REACHED(GRANT_WITHOUT_COPY);
        printf("   consumer %d: gives the claim back unrun\n", c);
        settle(c, RELEASE)
    :: else
    fi
}

/* It notices that a connection is gone, or a touch told it. */
#define CAN_MISS(c, k) (IS_ALIVE(c) && HAS(hand[c], k) && copy[k] != HELD(c) && \
                        (phase[c] == HOLDING || phase[c] == CLAIMING))

/* A node deletes a copy that nobody holds, for anybody; one that somebody else holds it does not find. */
#ifdef BREAK_RESERVATION_ELSEWHERE
/* Rule 6 broken: it uses a reservation's id on whatever connection it has to that node now. */
#define CAN_DELETE(c, k) (copy[k] == HELD(c) || copy[k] == READY || copy[k] == SLEEPING || copy[k] == STRANGER)
#else
#define CAN_DELETE(c, k) (copy[k] == HELD(c) || copy[k] == READY || copy[k] == SLEEPING)
#endif

#define CAN_FINISH(c, k) (IS_ALIVE(c) && phase[c] == FINISHING && HAS(hand[c], k) && request[c] == NOTHING)

/* Once the node has confirmed it, the ledger is told. That request may be lost, as it is where the consumer crashes
 * before it sends it. */
inline finish_copy(c, k) {
    if
    :: CAN_DELETE(c, k) ->
        printf("   consumer %d: deletes copy %d\n", c, k);
        assert(copy[k] != STRANGER);
        copy[k] = DELETED;
        check_not_lost();
#ifndef BREAK_FORGET_BEFORE_DELETED
        request[c] = STRAY; operation[c] = FORGET; argument[c] = BIT(INDEX(k));
#endif
    :: else
    fi;
    lose_copy(c, k);
    if :: hand[c] == 0 -> let_go(c) :: else fi
}

inline settled(c) {
    if
    :: settlement[c] == COMPLETE -> finish(c)
    :: settlement[c] == RELEASE ->
#ifdef BREAK_NAMES_OF_GIVEN_BACK
        DELETE_BY_NAME(c);              /* Rule 6 broken: whatever the settlement was. */
#endif
        wait_with_copies(c)
    :: settlement[c] == BURY ->
#ifdef BREAK_DELETE_DEAD
        finish(c)                       /* Rule 4 broken: it deletes the copies it has. */
#else
        let_go_of_dead(c)
#endif
    fi
}

inline settle_answered(c) {
    request[c] = NOTHING; asker[c] = 0; operation[c] = 0; argument[c] = 0;
    if
    :: answer[c] == SETTLED -> settled(c)
    :: answer[c] == LOST ->
        REACHED(CLAIM_LOST);
        printf("   consumer %d: has lost its claim\n", c);
        wait_with_copies(c)
    :: else                             /* asked again */
    fi;
    answer[c] = 0
}

inline crash(c) {
#ifdef WITH_NAMES
    hand[c] = BIT(PUTS) - 1;            /* also those of which it does not know yet */
#endif
    release_copies(c, READY);
    let_go(c);
    if
    :: request[c] == SENT -> request[c] = STRAY
    :: request[c] == ANSWERED -> no_request(c)
    :: else
    fi
}

inline no_request(c) {
    request[c] = NOTHING; operation[c] = 0; asker[c] = 0; argument[c] = 0; answer[c] = 0; disown(c)
}

#if PUTS > 3
#define FOR_EACH_COPY(guard, act, c) \
    :: d_step { guard(c, 0) -> act(c, 0); TIDY } \
    :: d_step { guard(c, 1) -> act(c, 1); TIDY } \
    :: d_step { guard(c, 2) -> act(c, 2); TIDY } \
    :: d_step { guard(c, 3) -> act(c, 3); TIDY }
#elif PUTS > 2
#define FOR_EACH_COPY(guard, act, c) \
    :: d_step { guard(c, 0) -> act(c, 0); TIDY } \
    :: d_step { guard(c, 1) -> act(c, 1); TIDY } \
    :: d_step { guard(c, 2) -> act(c, 2); TIDY }
#else
#define FOR_EACH_COPY(guard, act, c) \
    :: d_step { guard(c, 0) -> act(c, 0); TIDY } \
    :: d_step { guard(c, 1) -> act(c, 1); TIDY }
#endif

proctype Consumer(byte c) {
end:
    do
    FOR_EACH_COPY(CAN_RESERVE, reserve, c)
#ifdef WITH_NAMES
    FOR_EACH_COPY(CAN_TAKE, take, c)
#endif
    FOR_EACH_COPY(CAN_TOUCH, touch, c)
    FOR_EACH_COPY(CAN_MISS, miss, c)
    FOR_EACH_COPY(CAN_FINISH, finish_copy, c)
    :: d_step { CAN_CLAIM(c) -> claim(c); TIDY }
    :: d_step { IS_ALIVE(c) && phase[c] == CLAIMING && request[c] == ANSWERED -> claim_answered(c); TIDY }
    :: d_step { IS_ALIVE(c) && phase[c] == VERIFIED -> deliver(c); TIDY }

    /* The application. */
    :: d_step { IS_ALIVE(c) && phase[c] == RUNNING -> printf("   consumer %d: sends complete\n", c); settle(c, COMPLETE); TIDY }
    :: d_step { HAS_FAULTS && phase[c] == RUNNING -> printf("   consumer %d: sends release\n", c); settle(c, RELEASE); TIDY }
#ifdef WITH_DEAD
    :: d_step { IS_ALIVE(c) && phase[c] == RUNNING ->
            printf("   consumer %d: gives the job up, and sends bury\n", c); settle(c, BURY); TIDY }
#endif
    /* The lease ended here, unconfirmed: others get the copies, the run goes on. */
    :: d_step { HAS_FAULTS && phase[c] == RUNNING && !leaseIsValid[c] && hand[c] != 0 ->
            printf("   consumer %d: gives its copies back\n", c); release_copies(c, READY); TIDY }

    :: d_step { IS_ALIVE(c) && phase[c] == SETTLING && request[c] == ANSWERED -> settle_answered(c); TIDY }
    :: d_step { IS_ALIVE(c) && phase[c] == SETTLING && request[c] == NOTHING -> send(c, settlement[c]); TIDY }
    /* The application was told that the ledger is away, and drops the job. */
    :: d_step { HAS_FAULTS && phase[c] == SETTLING && request[c] == NOTHING && settlement[c] != RELEASE ->
            settlement[c] = RELEASE; send(c, settlement[c]); TIDY }
    /* The settlement is given up: the lease will run out by itself. */
    :: d_step { HAS_FAULTS && phase[c] == SETTLING && (request[c] == NOTHING || request[c] == STRAY) ->
            release_copies(c, READY); let_go(c); TIDY }

#ifdef WITH_RENEW
    :: d_step { HAS_FAULTS && phase[c] == RUNNING && renewal[c] == NOTHING ->
            renewalIsYoung[c] = 1;
#ifdef BREAK_RENEW_RESURRECTS
            /* Rule 3 broken: it re-creates a missing record whenever it finds none. */
            renewal[c] = RECREATING;
#else
            renewal[c] = (leaseIsValid[c] -> RECREATING : PLAIN);
#endif
            printf("   consumer %d: sends renew\n", c); TIDY }
#endif

    /* Copies that must wait, or that the application will not take soon, go back. */
    :: d_step { HAS_FAULTS && phase[c] == HOLDING ->
            printf("   consumer %d: releases its copies\n", c); release_copies(c, READY); let_go(c); TIDY }
    /* Waiting for an answer ends: the request may still arrive, or did. */
    :: d_step { HAS_FAULTS && request[c] == SENT && phase[c] == CLAIMING ->
            printf("   consumer %d: waits no longer\n", c);
            request[c] = STRAY;
            if :: hand[c] != 0 -> no_answer_to_claim(c) :: else -> let_go(c) fi; TIDY }
    :: d_step { HAS_FAULTS && request[c] == SENT && phase[c] == SETTLING ->
            printf("   consumer %d: waits no longer\n", c); request[c] = STRAY; TIDY }
    :: d_step { HAS_FAULTS && request[c] == ANSWERED && answer[c] != FAILED ->
            printf("   the answer to consumer %d is lost\n", c); answer[c] = FAILED; TIDY }

    :: d_step { HAS_FAULTS && phase[c] != IDLE -> printf("   consumer %d: CRASHES, and starts again\n", c); crash(c); TIDY }
    od
}

/* -- The ledger: LedgerRecord.apply ------------------------------------------------------------------------------------ */

inline grant(c) {
    record = CLAIMED; owner = asker[c]; leaseIsOver = 0;
    printf("   ledger: grants consumer %d the claim\n", c);
    answer[c] = GRANTED
}

inline perform_claim(c) {
    if
    :: record == ABSENT || record == WAITING -> grant(c)
    :: record == CLAIMED && owner == asker[c] -> REACHED(REPEATED_CLAIM); grant(c)
    :: record == CLAIMED && owner != asker[c] && leaseIsOver -> REACHED(TAKEOVER); grant(c)
    :: record == CLAIMED && owner != asker[c] && !leaseIsOver ->
        printf("   ledger: consumer %d has to wait\n", c);
        answer[c] = BE_PATIENT
    :: record == DONE || record == REVOKED ->
        printf("   ledger: tells consumer %d that the job is over\n", c);
        answer[c] = FINISHED
    :: record == DEAD ->
        REACHED(TOLD_DEAD);
        printf("   ledger: tells consumer %d that the job is dead\n", c);
        answer[c] = IS_DEAD
    fi
}

inline perform_complete(c) {
    if
    :: record == CLAIMED && owner == asker[c] ->
        printf("   ledger: the job is COMPLETED\n");
        /* Promise 3: accepted once. */
        assert(!wasCompleted);
        assert(!wasRevoked);
        REACHED(COMPLETION);
        if :: leaseIsOver -> REACHED(COMPLETION_AFTER_LEASE) :: else fi;
        record = DONE; leaseIsOver = 0; gone = 0; wasCompleted = 1;
        answer[c] = SETTLED
    :: record == DONE && owner == asker[c] -> answer[c] = SETTLED
    :: else -> answer[c] = LOST
    fi
}

inline perform_postpone(c) {
    if
    :: record == CLAIMED && owner == asker[c] ->
        REACHED(GIVEN_BACK);
        printf("   ledger: the job waits, consumer %d gave it back\n", c);
        record = WAITING; leaseIsOver = 0;
        answer[c] = SETTLED
    :: record == WAITING && owner == asker[c] -> answer[c] = SETTLED
    :: else -> answer[c] = LOST
    fi
}

#if defined(BREAK_DEAD_BY_ANYBODY)
/* Rule 4 broken: whoever had a claim once may settle somebody else's as dead. */
#define MAY_BURY(c, token) (record == CLAIMED || record == WAITING)
#elif defined(BREAK_DEAD_AFTER_DONE)
/* Rule 4 broken: whoever had a claim once may settle a done job as dead. */
#define MAY_BURY(c, token) ((record == CLAIMED && owner == (token)) || record == DONE)
#elif defined(BREAK_DEAD_BY_OLD_TOKEN)
/* Rule 4 broken: the token of a claim that the same consumer had before will do. */
#define MAY_BURY(c, token) (record == CLAIMED && IS_TOKEN_OF(c, owner))
#else
#define MAY_BURY(c, token) (record == CLAIMED && owner == (token))
#endif

inline perform_bury(c, token, reply) {
    if
    :: MAY_BURY(c, token) ->
        REACHED(DEATH);
        printf("   ledger: the job is DEAD\n");
        record = DEAD; owner = token; leaseIsOver = 0; gone = 0; isDead = 1;
        reply = SETTLED
    :: record == DEAD && owner == token -> REACHED(DEATH_REPEATED); reply = SETTLED
    :: else -> REACHED(DEATH_REFUSED); reply = LOST
    fi
}

inline perform_forget(set) {
    if
    :: record == DONE || record == REVOKED ->
        gone = gone | (set);
#ifdef BREAK_LEAD_UNCOUNTED
        /* Rule 5 broken: a lead that is not stored by then does not count as a copy. */
        if :: copy[LAST] == HIDDEN -> gone = gone | BIT(LAST) :: else fi
#endif
    :: else
    fi
}

inline perform(c) {
    if
    :: operation[c] == CLAIM -> perform_claim(c)
    :: operation[c] == COMPLETE -> perform_complete(c)
    :: operation[c] == RELEASE -> perform_postpone(c)
    :: operation[c] == BURY -> perform_bury(c, asker[c], answer[c])
    :: operation[c] == FORGET -> perform_forget(argument[c])
    fi;
    check_not_lost();
    if
    :: request[c] == STRAY -> no_request(c)
    :: else -> request[c] = ANSWERED; asker[c] = 0; argument[c] = 0; operation[c] = 0
    fi
}

#ifdef WITH_LATE
#define CAN_BE_LATE(c) (HAS_FAULTS && request[c] == STRAY && operation[c] == BURY && lateBury[c] == 0)

inline be_late(c) {
    lateBury[c] = asker[c];
    no_request(c)
}

inline arrive(c) {
    printf("   the bury of owner %d, for which nobody waits, arrives late\n", lateBury[c]);
    if :: me[c] != 0 && me[c] != lateBury[c] -> REACHED(LATE_BURY) :: else fi;
    perform_bury(c, lateBury[c], unread);
    lateBury[c] = 0; unread = 0;
    check_not_lost()
}
#endif

#ifdef WITH_RENEW
/* Performing and answering are one step: an answer that comes later finds an older lease, which is a valid one less. */
inline perform_renew(c) {
    if
    :: record == CLAIMED && owner == me[c] ->
        REACHED(RENEWAL);
        printf("   ledger: renews the claim of consumer %d\n", c);
        leaseIsOver = 0;
        leaseIsValid[c] = renewalIsYoung[c]
    :: record == ABSENT && renewal[c] == RECREATING ->
        printf("   ledger: the record is there again, for consumer %d\n", c);
        record = CLAIMED; owner = me[c]; leaseIsOver = 0;
        leaseIsValid[c] = renewalIsYoung[c]
    :: else ->
        REACHED(RENEWAL_REFUSED);
        printf("   consumer %d: learns that its claim is lost\n", c);
        wait_with_copies(c)
    fi;
    no_renewal(c)
}
#endif

/*
 * The record of a finished job whose copies are all known to be deleted ends after grace, which is longer than a
 * ttr and a lease and what a request may be under way. So by then: every reservation is old, for no new one can have
 * been made since; and a renewal that may re-create the record, which is sent inside a lease, has arrived or never will.
 */
#ifdef BREAK_SHORT_GRACE
#define RESERVATIONS_ARE_OVER true
#else
#define RESERVATIONS_ARE_OVER (!isFresh[0] && !isFresh[1])
#endif
#define RENEWALS_ARE_OVER (!IS_RECREATING(0) && !IS_RECREATING(1))

#define IS_IN_REQUEST(c) (request[c] == SENT || request[c] == STRAY)

/* Whoever has the claim counts its lease from before its request was sent, so it ends there first. And when all is
 * calm, whoever lives settles or renews in time. */
#define IS_VALID_FOR(c) (me[c] == owner && (leaseIsValid[c] || (!HAS_FAULTS && IS_ALIVE(c))))

inline lose_request(c) {
    printf("   the request of consumer %d is lost\n", c);
    if
    :: request[c] == STRAY -> no_request(c)
    :: else -> no_request(c); request[c] = ANSWERED; answer[c] = FAILED
    fi
}

proctype Ledger() {
end:
    do
    :: d_step { IS_IN_REQUEST(0) -> perform(0); TIDY }
    :: d_step { IS_IN_REQUEST(1) -> perform(1); TIDY }
#ifdef WITH_LATE
    :: d_step { CAN_BE_LATE(0) -> be_late(0); TIDY }
    :: d_step { CAN_BE_LATE(1) -> be_late(1); TIDY }
    :: d_step { lateBury[0] != 0 -> arrive(0); TIDY }
    :: d_step { lateBury[1] != 0 -> arrive(1); TIDY }
#endif
    :: d_step { HAS_FAULTS && IS_IN_REQUEST(0) -> lose_request(0); TIDY }
    :: d_step { HAS_FAULTS && IS_IN_REQUEST(1) -> lose_request(1); TIDY }
#ifdef WITH_RENEW
    :: d_step { renewal[0] != NOTHING -> perform_renew(0); TIDY }
    :: d_step { renewal[1] != NOTHING -> perform_renew(1); TIDY }
    :: d_step { HAS_FAULTS && renewal[0] != NOTHING -> no_renewal(0); TIDY }
    :: d_step { HAS_FAULTS && renewal[1] != NOTHING -> no_renewal(1); TIDY }
#endif
    :: d_step { record == CLAIMED && !leaseIsOver && !IS_VALID_FOR(0) && !IS_VALID_FOR(1) ->
            printf("   ledger: the lease of owner %d is over\n", owner); leaseIsOver = 1; TIDY }
    :: d_step { (record == DONE || record == REVOKED) && gone == ALL_INDEXES && RESERVATIONS_ARE_OVER &&
                RENEWALS_ARE_OVER ->
            printf("   ledger: the grace is over, the record is gone\n");
            REACHED(RECORD_GONE);
#ifdef BREAK_LEAD_UNCOUNTED
            /* A grace has passed since its call began, too, which was earlier: so it is not put any more. */
            if :: copy[LAST] == HIDDEN -> copy[LAST] = MISSING :: else fi;
#endif
            record = ABSENT; owner = 0; gone = 0; TIDY }
#ifdef BREAK_DEAD_EXPIRES
    /* Rule 4 broken: a dead job's record ends by itself. */
    :: d_step { record == DEAD ->
            printf("   ledger: the record of the dead job is gone\n"); record = ABSENT; owner = 0; TIDY }
#endif
    od
}

/* -- Time, nodes and people ------------------------------------------------------------------------------------------------ */

/* A holding consumer whose reservations grew old touches them and holds on, or has none any more: nothing to model. */
#if defined(BREAK_STALE_CLAIM) || defined(BREAK_STALE_CLAIM_ONLY)
#define CAN_AGE(c) (HAS_FAULTS && isFresh[c])
#else
#define CAN_AGE(c) (HAS_FAULTS && isFresh[c] && phase[c] == CLAIMING)
#endif

inline age(c) {
    printf("   consumer %d: its reservations are older than the ttr\n", c);
    isFresh[c] = 0
}

/* The node ends a reservation: its connection is gone, or its time to run is over, which is later than by the clock of
 * whoever has it. */
#define CAN_RETURN(c, k) (HAS_FAULTS && copy[k] == HELD(c))

inline put_back(c, k) {
    printf("   node %d: its copy's reservation ends\n", k);
    copy[k] = READY
}

/* Rule 4 broken in two of these: it need not be dead. */
#if defined(BREAK_REPLAY_ANYTHING)
#define CAN_REPLAY (HAS_FAULTS && record != ABSENT)
#elif defined(BREAK_REPLAY_DONE)
#define CAN_REPLAY (HAS_FAULTS && (record == DEAD || record == DONE))
#else
#define CAN_REPLAY (HAS_FAULTS && record == DEAD)
#endif

/* An operator's token is nobody's here. Repeated, it changes nothing, or is another replay, as there may be any number. */
inline replay() {
    REACHED(REPLAY);
    printf("   ledger: the job waits, an operator REPLAYS it\n");
    record = WAITING; owner = 0; leaseIsOver = 0; gone = 0; isDead = 0
}

#if HAS_STANDBYS
/* A put arrives, answered or not, or its node is back with what it has stored. */
#define CAN_STORE(c, k) (copy[k] == HIDDEN)

inline store(c, k) {
    printf("   node %d: stores its copy, or is back with it\n", k);
    if
    :: (k) == LAST && (wasCompleted || wasRevoked) -> REACHED(LATE_LEAD)
    :: (k) != LAST && copy[LAST] != HIDDEN && copy[LAST] != MISSING -> REACHED(LATE_STANDBY)
    :: else
    fi;
    copy[k] = READY
}

/* As long as there are faults, a copy that waits is like it. */
#define CAN_NEVER_STORE(c, k) (!HAS_FAULTS && copy[k] == HIDDEN)

inline never_store(c, k) {
    printf("   node %d: never stores its copy\n", k);
    copy[k] = MISSING
}

/*
 * A delete by name arrives. Its sender hears of that, and tells the ledger, or not. What it tells later, the ledger may
 * know now: all that comes of it is the record's end, which may take any time.
 */
#ifdef WITH_NAMES
#define MAY_ARRIVE(k) HAS(sent, k)
#else
/* Who sends them is shown with names. Here it is anybody, at any time, to any standby. */
#define MAY_ARRIVE(k) ((k) < LAST && (wasCompleted || wasRevoked))
#endif
#define CAN_DELETE_BY_NAME(c, k) (MAY_ARRIVE(k) && (copy[k] == READY || copy[k] == SLEEPING || copy[k] == STRANGER))

inline delete_by_name_silently(c, k) {
    printf("   node %d: deletes its copy by name\n", k);
    /* Nobody else's job is deleted. */
    assert(copy[k] != STRANGER);
#if !defined(BREAK_NAMES_BEFORE_DONE) && !defined(BREAK_NAMES_OF_GIVEN_BACK) && !defined(BREAK_NAMES_OF_DEAD)
    /* Without these rules it would say so at the first copy; but what is shown is that the job is lost. */
    assert(wasCompleted || wasRevoked);
#endif
    REACHED(DELETED_BY_NAME);
    copy[k] = DELETED;
    check_not_lost()
}

inline delete_by_name(c, k) {
    delete_by_name_silently(c, k);
    printf("   ledger: is told so\n");
    perform_forget(BIT(INDEX(k)))
}
#endif

#ifdef WITH_LEAD
#define CAN_USE_SPARE (copy[LAST] == HIDDEN && copy[SPARE] == MISSING)

inline use_spare() {
    REACHED(LEAD_ON_SPARE);
#ifdef BREAK_SPARE_FOR_UNKNOWN
    /* Rule 5 broken: it may be stored as well. */
    printf("   the put of copy %d is not answered, a spare stores it as copy %d\n", LAST, SPARE);
#else
    printf("   the put of copy %d is refused, a spare stores it as copy %d\n", LAST, SPARE);
    copy[LAST] = MISSING;
#endif
    copy[SPARE] = READY
}
#endif

#ifdef WITH_NAMES
#define CAN_NOT_FIND(c, k) (HAS(sent, k) && copy[k] >= HELD(0))

inline not_find(c, k) {
    printf("   node %d: does not find its copy by name\n", k);
    REACHED(NAME_NOT_FOUND);
    if :: !HAS(hand[copy[k] - HELD(0)], k) -> REACHED(NAME_BEFORE_REPLY) :: else fi;
#ifdef BREAK_FORGET_NOT_FOUND
    /* Rule 1 broken: what is not found counts as gone. */
    perform_forget(BIT(INDEX(k)));
#endif
    sent = sent & ~BIT(k)
}

#define CAN_LOSE_DELETE(c, k) HAS(sent, k)

inline lose_delete(c, k) {
    printf("   a delete by name of copy %d is lost\n", k);
    sent = sent & ~BIT(k)
}
#endif

#ifdef WITH_RESTARTS
/*
 * The node's process ends, and another begins. With its log it has the same copies under the same ids, but other
 * connections, and another server id. Without it, its ids begin again, so the copy's may come to mean a stranger's job.
 * That happens to one node, and where another has stored the job: more can lose any job.
 */
#define CAN_RESTART(c, k) (HAS_FAULTS && (HAS(named, k) || HAS(sent, k)))

inline restart(c, k) {
    printf("   node %d: restarts with its log\n", k);
    if :: copy[k] >= HELD(0) -> copy[k] = READY :: else fi;
    end_process(k)
}

inline end_process(k) {
    if :: HAS(named, k) && (hasRead[0] || hasRead[1]) -> REACHED(NAME_LOST) :: else fi;
    if :: HAS(sent, k) -> REACHED(DELETE_LOST) :: else fi;
    if :: HAS(sent, k) && copy[k] == STRANGER -> REACHED(STRANGER_SPARED) :: else fi;
#ifndef BREAK_NAME_ON_ANY_PROCESS
    named = named & ~BIT(k);            /* Else rule 6 is broken: whoever answers there is told the id. */
#endif
#ifndef BREAK_NAME_NOT_BOUND
    sent = sent & ~BIT(k)               /* Else rule 6 is broken: what waits to be sent, the next connection sends. */
#else
    skip
#endif
}

#define STORED(k) (copy[k] != MISSING && copy[k] != HIDDEN)
#define STORES (STORED(0) + STORED(1) + (PUTS > 2 -> STORED(PUTS - 1) : 0) + (PUTS > 3 -> STORED(PUTS - 2) : 0))
#define NONE_IS_STRANGER (copy[0] != STRANGER && copy[1] != STRANGER && (PUTS <= 2 || copy[PUTS - 1] != STRANGER) && \
                          (PUTS <= 3 || copy[PUTS - 2] != STRANGER))
#define CAN_LOSE_LOG(c, k) (HAS_FAULTS && STORED(k) && STORES > 1 && NONE_IS_STRANGER)

inline lose_log(c, k) {
    printf("   node %d: restarts without its log, and gives the copy's id to a stranger's job\n", k);
    copy[k] = STRANGER;
    end_process(k);
    check_not_lost()
}
#endif

#define CAN_WAKE(c, k) (copy[k] == SLEEPING && record != DEAD)

inline wake(c, k) {
    printf("   node %d: its copy's delay is over\n", k);
    copy[k] = READY
}

proctype World() {
end:
    do
    :: d_step { CAN_AGE(0) -> age(0) }
    :: d_step { CAN_AGE(1) -> age(1) }
    FOR_EACH_COPY(CAN_RETURN, put_back, 0)
    FOR_EACH_COPY(CAN_RETURN, put_back, 1)
    :: d_step { HAS_FAULTS && leaseIsValid[0] ->
            printf("   consumer 0: a lease has passed since its request\n"); leaseIsValid[0] = 0; TIDY }
    :: d_step { HAS_FAULTS && leaseIsValid[1] ->
            printf("   consumer 1: a lease has passed since its request\n"); leaseIsValid[1] = 0; TIDY }
#ifdef WITH_RENEW
    /* What was sent earlier is over earlier. */
    :: d_step { HAS_FAULTS && renewalIsYoung[0] && !leaseIsValid[0] -> renewalIsYoung[0] = 0; TIDY }
    :: d_step { HAS_FAULTS && renewalIsYoung[1] && !leaseIsValid[1] -> renewalIsYoung[1] = 0; TIDY }
#endif
#ifdef WITH_DEAD
    :: d_step { CAN_REPLAY -> replay(); TIDY }
#ifdef WITH_REST
    FOR_EACH_COPY(CAN_WAKE, wake, 0)
#endif
#endif
#if HAS_STANDBYS
    FOR_EACH_COPY(CAN_STORE, store, 0)
    FOR_EACH_COPY(CAN_DELETE_BY_NAME, delete_by_name, 0)
    FOR_EACH_COPY(CAN_DELETE_BY_NAME, delete_by_name_silently, 0)
#endif
#ifdef WITH_LEAD
    :: d_step { CAN_USE_SPARE -> use_spare(); TIDY }
    FOR_EACH_COPY(CAN_NEVER_STORE, never_store, 0)
#endif
#ifdef WITH_NAMES
    FOR_EACH_COPY(CAN_NOT_FIND, not_find, 0)
    FOR_EACH_COPY(CAN_LOSE_DELETE, lose_delete, 0)
#endif
#ifdef WITH_RESTARTS
    FOR_EACH_COPY(CAN_RESTART, restart, 0)
    FOR_EACH_COPY(CAN_LOSE_LOG, lose_log, 0)
#endif
#ifdef WITH_REST
    :: d_step { HAS_FAULTS -> printf("   no more faults\n"); weather = CALM; TIDY }
    :: d_step { HAS_FAULTS -> printf("   no more faults, and consumer 1 is gone\n"); crash(1); weather = CALM_ALONE; TIDY }
#ifdef SYMMETRY
    :: d_step { HAS_FAULTS -> swap_consumers(); crash(1); weather = CALM_ALONE; TIDY }
#endif
#endif
    od
}

#ifdef WITH_REVOKE
/* Producer.revoke: the mark first, then the copies that nobody holds, of which the ledger is told or not. It may stop
 * after any step, and for ever. */
#define CAN_TAKE_BACK(c, k) (HAS_FAULTS && wasRevoked && (copy[k] == READY || copy[k] == SLEEPING))

inline take_back(c, k) {
    printf("   producer: deletes copy %d, and tells the ledger\n", k);
    copy[k] = DELETED;
    check_not_lost();
    perform_forget(BIT(INDEX(k)))
}

inline take_back_silently(c, k) {
    printf("   producer: deletes copy %d, and does not hear of it\n", k);
    copy[k] = DELETED;
    check_not_lost()
}

proctype Producer() {
end:
    do
    :: d_step { HAS_FAULTS && !wasRevoked && (record == ABSENT || record == WAITING || record == DEAD ||
                (record == CLAIMED && leaseIsOver)) && !wasCompleted ->
            printf("   ledger: the job is REVOKED\n");
            if :: record == CLAIMED -> REACHED(REVOCATION_AFTER_LEASE) :: else fi;
            if :: record == DEAD -> REACHED(DROP) :: else fi;
            REACHED(REVOCATION);
            record = REVOKED; owner = 0; gone = 0; leaseIsOver = 0; isDead = 0; wasRevoked = 1; TIDY }
    FOR_EACH_COPY(CAN_TAKE_BACK, take_back, 0)
    FOR_EACH_COPY(CAN_TAKE_BACK, take_back_silently, 0)
    od
}
#endif

#ifdef WITH_REST
/* Promise 4 again, when nothing can happen any more. */
proctype Rest() {
end:
    timeout ->
        d_step {
            assert(weather != FAULTS);
            assert(wasCompleted || wasRevoked || (record == DEAD && CAN_RUN_AGAIN));
            assert(phase[0] == IDLE && (phase[1] == IDLE || weather == CALM_ALONE));
            REACHED(REST);
            isOver = 1
        }
}
#endif

init {
    atomic {
        copy[0] = READY;
        if
        :: COPIES > 2 -> copy[1] = READY
#ifdef WITH_LEAD
        :: COPIES > 2 -> printf("   the put of copy 1 was not answered\n"); copy[1] = HIDDEN
#endif
        :: else
        fi;
#ifdef WITH_NAMES
        named = ALL_INDEXES & ~BIT(LAST);
#ifdef BREAK_LEAD_FIRST
        /* The lead is put before its standbys are stored, so it names none. */
        copy[0] = HIDDEN; named = 0;
#endif
#endif
#ifdef WITH_LEAD
        copy[LAST] = HIDDEN; copy[SPARE] = MISSING;
#else
        copy[LAST] = READY;
#endif
        run Consumer(0);
        run Consumer(1);
        run Ledger();
        run World();
#ifdef WITH_REVOKE
        run Producer();
#endif
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
    :: weather != FAULTS -> goto accept
    od;
accept:
    do
    :: !isOver
    od
}
#endif

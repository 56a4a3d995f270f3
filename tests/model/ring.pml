/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dataplane/base/ring.h as a model for spin: one putter, one taker, two near and four far slots,
 * positions that wrap.
 *
 * Memory is weaker than x86.  The putter's stores wait in a buffer and become visible in any order,
 * but a store with release not before those ahead of it, and two to the same place in theirs.  The
 * taker's loads of a message happen one by one in any order between its load with acquire and its
 * store with release, which it makes at once or, while it finds messages, later.  Two threads see each other's stores
 * in one order on every machine, so more than this no machine does.
 *
 * What must hold: each message once, whole and in order, also when looked at ahead; room is never
 * claimed that is not there; and neither side waits for ever.
 *
 * Each of these takes one ordering away, and the model must then fail (tests/model/run):
 *   -DPLAIN_SEQ_STORE    the number may become visible before the message
 *   -DPLAIN_SEQ_LOAD     the message may be loaded before its number
 *   -DPLAIN_TAKEN_STORE  the place may be given back before the message was loaded
 *   -DPLAIN_TAKEN_LOAD   the putter uses a near slot by what it guesses was taken
 *   -DNO_ROOM            the putter does not ask
 *   -DNO_TELL            the taker keeps it to itself that it found nothing more
 *   -DNO_RENEW_NEAR      a near slot keeps its number for 2^32 positions
 *   -DPLAIN_RENEW_NEAR   its new one may become visible after the word that places are free
 *   -DNO_RENEW           the far slots are never written anew: needs that all goes near
 */
#define NEAR    2
#define FAR     4
#define WRAP    16 /* stands for 2^32 */
#define RENEW   8  /* stands for 2^30: the last FAR of so many positions go far */
#define FIRST   12 /* wraps on the way */
#define MSGS    12
#define WAITING 6 /* of the putter's stores: two messages */

#define SLOTS          (NEAR + FAR)
#define NEAR_OF(pos)   ((pos) % NEAR)
#define FAR_OF(pos)    (NEAR + (pos) % FAR)
#define WORD(slot, k)  mem[(slot) * 3 + (k)] /* k 0: the number, 1 and 2: the message */
#define HOLDS(slot, pos) (WORD(slot, 0) == ((pos) + 1) % WRAP)

/*
 * As rounds before left it: near slots that were last used WRAP positions ago, far ones with
 * numbers of the renewal before.
 */
byte mem[SLOTS * 3] = { 1, 0, 0, 2, 0, 0, 5, 0, 0, 6, 0, 0, 7, 0, 0, 8, 0, 0 };
byte taken_pos = FIRST;

/* The putter's stores on their way to memory. */
byte at[WAITING], val[WAITING];
bool release[WAITING];
byte waiting;

inline store(place, value, is_release) {
	atomic {
		waiting < WAITING;
		at[waiting] = place;
		val[waiting] = value;
		release[waiting] = is_release;
		waiting++
	}
}

/* Store i may become visible: nothing ahead of it holds it back. */
#define FREE(i)                                                                                    \
	(waiting > i &&                                                                            \
	 (!release[i] || i == 0) &&                                                                \
	 (i < 1 || at[0] != at[i]) && (i < 2 || at[1] != at[i]) && (i < 3 || at[2] != at[i]) &&    \
	 (i < 4 || at[3] != at[i]) && (i < 5 || at[4] != at[i]))

inline drain(i) {
	mem[at[i]] = val[i];
	j = i;
	do
	:: j + 1 < waiting ->
		at[j] = at[j + 1];
		val[j] = val[j + 1];
		release[j] = release[j + 1];
		j++
	:: else -> break
	od;
	waiting--;
	at[waiting] = 0;
	val[waiting] = 0;
	release[waiting] = false;
	j = 0
}

active proctype memory()
{
	byte j;
end:
	do
	:: atomic { FREE(0) -> drain(0) }
	:: atomic { FREE(1) -> drain(1) }
	:: atomic { FREE(2) -> drain(2) }
	:: atomic { FREE(3) -> drain(3) }
	:: atomic { FREE(4) -> drain(4) }
	:: atomic { FREE(5) -> drain(5) }
	od
}

#ifdef PLAIN_SEQ_STORE
#define SEQ_RELEASES false
#else
#define SEQ_RELEASES true
#endif

#ifdef NO_RENEW
#define MAY_BE_NEAR(pos) true
#else
#define MAY_BE_NEAR(pos) ((pos) % RENEW < RENEW - FAR)
#endif
#ifdef PLAIN_TAKEN_LOAD
#define GUESSED 1
#else
#define GUESSED 0
#endif

active proctype putter()
{
	byte put_pos = FIRST, taken_seen = FIRST, nr = 1, slot;

	do
	:: nr <= MSGS ->
#ifndef NO_ROOM
		/* ring_room: the taker's position is loaded when the last seen one leaves none */
		do
		:: (put_pos + WRAP - taken_seen) % WRAP < FAR -> break
		:: else ->
			taken_pos != taken_seen; /* waits; a stale load only waits longer */
			taken_seen = taken_pos
		od;
#endif
		/* ring_put */
		if
		:: (put_pos + WRAP - taken_seen) % WRAP < NEAR + GUESSED && MAY_BE_NEAR(put_pos) ->
			slot = NEAR_OF(put_pos)
		:: slot = FAR_OF(put_pos) /* chosen by an older look */
		fi;
		if
		:: store(slot * 3 + 1, nr, false); store(slot * 3 + 2, nr, false)
		:: store(slot * 3 + 2, nr, false); store(slot * 3 + 1, nr, false)
		fi;
		put_pos = (put_pos + 1) % WRAP;
		store(slot * 3, put_pos, SEQ_RELEASES);
		if
		:: taken_seen = taken_pos /* looks, or not yet */
		:: true
		fi;
		nr++
	:: else -> break
	od
}

/* The two words of a message, one at a time, in either order. */
inline load(slot) {
	if
	:: one = WORD(slot, 1); two = WORD(slot, 2)
	:: two = WORD(slot, 2); one = WORD(slot, 1)
	fi
}

/* Numbers that no position of a near slot waits for. */
inline renew_near() {
	WORD(0, 0) = 0;
	WORD(1, 0) = 1
}

#ifdef PLAIN_RENEW_NEAR
bool renewing;

active proctype late_stores()
{
end:	renewing -> renew_near()
}
#endif

active proctype taker()
{
	byte take_pos = FIRST, nr = 1, one, two, slot;

	do
	:: nr <= MSGS ->
		/* ring_ahead: the one behind the next, looked at where it lies */
		if
		:: nr < MSGS ->
			if
			:: HOLDS(NEAR_OF(take_pos + 1), take_pos + 1) ->
				load(NEAR_OF(take_pos + 1));
				assert(one == nr + 1 && two == nr + 1)
			:: else ->
				if
				:: HOLDS(FAR_OF(take_pos + 1), take_pos + 1) ->
					load(FAR_OF(take_pos + 1));
					assert(one == nr + 1 && two == nr + 1)
				:: else
				fi
			fi
		:: true
		fi;
		/* ring_take */
#ifdef PLAIN_SEQ_LOAD
		slot = NEAR_OF(take_pos);
		load(slot);
		if
		:: HOLDS(slot, take_pos) -> goto found
		:: else
		fi;
		slot = FAR_OF(take_pos);
		load(slot);
		if
		:: HOLDS(slot, take_pos)
		:: else -> goto again
		fi;
found:		skip;
#else
look:		if
		:: HOLDS(NEAR_OF(take_pos), take_pos) -> slot = NEAR_OF(take_pos)
		:: else ->
			if
			:: HOLDS(FAR_OF(take_pos), take_pos) -> slot = FAR_OF(take_pos)
			:: else ->
#ifndef NO_TELL
				taken_pos = take_pos; /* ring_tell */
#endif
				/* spins */
				(HOLDS(NEAR_OF(take_pos), take_pos) ||
				 HOLDS(FAR_OF(take_pos), take_pos));
				goto look
			fi
		fi;
#endif
		take_pos = (take_pos + 1) % WRAP;
#ifdef PLAIN_TAKEN_STORE
		taken_pos = take_pos;
#endif
#ifndef PLAIN_SEQ_LOAD
		load(slot);
#endif
		assert(one == nr && two == nr);
		if
		:: take_pos % RENEW == RENEW - NEAR ->
#ifdef NO_RENEW_NEAR
			taken_pos = take_pos
#else
#ifdef PLAIN_RENEW_NEAR
			renewing = true;
			taken_pos = take_pos
#else
			renew_near();
			taken_pos = take_pos
#endif
#endif
		:: else ->
			if
			:: taken_pos = take_pos /* ring_tell */
			:: true                 /* or later */
			fi
		fi;
		nr++;
again:		skip
	:: else -> break
	od
}

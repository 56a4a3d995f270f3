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
 *   -DNO_MARK_NEAR       a near slot keeps its number for 2^32 positions: needs that all goes far
 *   -DNO_MARK_FAR        a far one does: needs that all goes near
 *   -DPLAIN_MARK         a mark may become visible after the word that places are free
 */
#define NEAR    2
#define FAR     4
#define WRAP    8 /* stands for 2^32 */
#define MARK    4 /* stands for 2^30: the first NEAR of so many positions mark near slots */
#define FIRST   4 /* wraps on the way */
#define MSGS    8
#define WAITING 6 /* of the putter's stores: two messages */

#define SLOTS          (NEAR + FAR)
#define NEAR_OF(pos)   ((pos) % NEAR)
#define FAR_OF(pos)    (NEAR + (pos) % FAR)
#define WORD(slot, k)  mem[(slot) * 3 + (k)] /* k 0: the number, 1 and 2: the message */
#define HOLDS(slot, pos) (WORD(slot, 0) == ((pos) + 1) % WRAP)

/*
 * As rounds before left it: near slots that were last used for positions 2 and 3 and not marked
 * since, far ones with the marks of positions 0 to 3, or what they would hold without.
 */
#ifdef NO_MARK_FAR
byte mem[SLOTS * 3] = { 3, 0, 0, 4, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0, 4, 0, 0 };
#else
byte mem[SLOTS * 3] = { 3, 0, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0 };
#endif
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
		:: (put_pos + WRAP - taken_seen) % WRAP < NEAR + GUESSED ->
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

/* Gives the slot a number that no position of it waits for. */
#ifdef PLAIN_MARK
byte late_slot, late_pos;
bool late;

inline mark(slot_idx, pos) {
	!late;
	late_slot = slot_idx;
	late_pos = pos;
	late = true
}

active proctype late_marks()
{
end:
	do
	:: atomic {
		late ->
		WORD(late_slot, 0) = late_pos;
		late = false
	}
	od
}
#else
inline mark(slot_idx, pos) { WORD(slot_idx, 0) = pos }
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
#ifdef PLAIN_TAKEN_STORE
		taken_pos = (take_pos + 1) % WRAP;
#endif
#ifndef PLAIN_SEQ_LOAD
		load(slot);
#endif
		assert(one == nr && two == nr);
#ifndef NO_MARK_FAR
		if
		:: slot >= NEAR -> mark(slot, take_pos)
		:: else
		fi;
#endif
#ifndef NO_MARK_NEAR
		if
		:: take_pos % MARK < NEAR -> mark(NEAR_OF(take_pos), take_pos)
		:: else
		fi;
#endif
		take_pos = (take_pos + 1) % WRAP;
		if
		:: taken_pos = take_pos /* ring_tell */
		:: true                 /* or later */
		fi;
		nr++;
again:		skip
	:: else -> break
	od
}

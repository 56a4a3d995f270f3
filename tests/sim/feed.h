/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SIM_FEED_H
#define SLUICE_SIM_FEED_H

#include <sys/queue.h>

#include "faults.h"
#include "mold_pack.h"
#include "tape.h"

/*
 * The venue's market data: a tape in MoldUDP64 packets on two lines, at the tape's own pace or
 * another one.  Sends and applies through callbacks; time is an argument.
 */

enum {
	FEED_LINES = 2,
	FEED_FLOOD_CNT = 1000, // copies that the faults flood_a and flood_b add
};

#define FEED_SEQ_JUMP  (1ULL << 40)
#define FEED_PACK_B_NS 1000000ULL // how long a message may wait in a packet of line B's own

enum feed_pace {
	FEED_RECORDED, // the tape's times, divided by speed
	FEED_RATE,     // so many messages a second
};

struct feed_config {
	enum feed_pace pace;
	uint64_t speed_1000; // FEED_RECORDED: 1000 is as recorded
	uint64_t rate;       // FEED_RATE: messages a second
	uint64_t gap_max_ns; // longest pause between two messages; 0: as the tape says
	uint64_t skip_to_ns; // tape time before which messages go out at skip_rate
	uint64_t skip_rate;
	uint16_t pack_cnt; // messages per packet; 0: what is due together, at most pack_max
	uint16_t pack_max;
	bool hold;          // the session does not end with the tape: heartbeats go on
	uint64_t linger_ns; // how long the end of a session is repeated
	uint64_t heartbeat_ns;
	uint32_t loops;                     // sessions, one after another; 0: for ever
	char session[MOLD_SESSION_LEN + 1]; // a number at its end counts up from session to session
	uint64_t seed;
};

struct feed_line_counts {
	uint64_t sent; // packets, extra ones included
	uint64_t lost;
	uint64_t silenced;
	uint64_t duplicated;
	uint64_t reordered;
	uint64_t garbage;
	uint64_t truncated;
	uint64_t wrong_session;
	uint64_t seq_jump;
	uint64_t flooded;
};

struct feed_late {
	STAILQ_ENTRY(feed_late) link;
	uint64_t due_ns;
	uint16_t len;
	uint8_t bytes[];
};
STAILQ_HEAD(feed_late_list, feed_late);

struct feed_line {
	struct rng rng;
	uint16_t held_len; // 0: no packet is held back
	uint8_t held[MOLD_PAYLOAD_MAX];
	struct feed_late_list late;
	struct feed_line_counts n;
};

enum feed_state {
	FEED_WAITING, // feed_start() was not called yet
	FEED_PLAYING,
	FEED_LINGERING, // end of session packets
	FEED_OVER,
};

struct feed {
	struct feed_config c;
	const struct tape *tape;
	const struct faults *faults;
	void (*send)(void *ctx, unsigned line, const uint8_t *packet, uint16_t len);
	void (*apply)(void *ctx, const uint8_t *msg, uint16_t len); // just before it is sent
	void (*next_session)(void *ctx);
	void *ctx;
	enum feed_state state;
	struct tape_walk walk;
	struct mold_pack pack;
	struct mold_pack pack_b;   // line B's own packet, with the fault pack_b
	uint16_t pack_b_cnt;       // messages it will have
	uint64_t pack_b_ns;        // when its first message came
	uint64_t shifted_from_seq; // the tape's number from which the lines' differ; 0: they do not
	uint64_t due_ns;           // of the next message
	uint64_t due_frac;         // 1/1000 ns that due_ns does not show
	uint64_t tape_ns;          // time of the last message taken
	uint64_t sent_ns;          // newest packet, for heartbeats
	uint64_t linger_until_ns;
	uint32_t session_cnt;
	struct rng rng; // faults that strike both lines alike
	struct feed_line line[FEED_LINES];
	uint64_t msg_cnt;
	uint64_t packet_cnt; // data packets made, before faults
};

void feed_config_init(struct feed_config *c);
/* The callbacks and ctx are set by the caller afterwards. */
void feed_init(struct feed *f, const struct feed_config *c, const struct tape *t,
	       const struct faults *faults);
void feed_fini(struct feed *f);

/* The first message is due now. */
void feed_start(struct feed *f, uint64_t now_ns);

/* When feed_run() has something to do; UINT64_MAX: never. */
uint64_t feed_due_ns(const struct feed *f);

/* Sends what is due, at most packets_max data packets, so that the caller can look at orders. */
void feed_run(struct feed *f, uint64_t now_ns, unsigned packets_max);

/*
 * The right answer to a request, into out (MOLD_PAYLOAD_MAX bytes).  Returns its length; 0: there
 * is none.
 */
uint16_t feed_on_request(const struct feed *f, const uint8_t *data, size_t len, uint8_t *out);

/* Number of the next message of this session. */
uint64_t feed_next_seq(const struct feed *f);
/* The tape's number of a message that the lines call seq; 0: there is none. */
uint64_t feed_tape_seq(const struct feed *f, uint64_t seq);

#endif

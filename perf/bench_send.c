/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <rte_ring.h>

#include "bench.h"
#include "lab.h"
#include "lane/session.h"
#include "rival_kernel.h"
#include "rival_lwip.h"

/*
 * send.order: an order that risk has let pass, through orders (its entry, its token), encode (OUCH
 * 5.0 in a SoupBinTCP packet) and the fast path of tcp (headers, sequence, checksum, the copy for
 * retransmission) into a frame buffer.  Handing the frame to a NIC is not in it.
 *
 * Floor: copying the same finished frame into the buffer, summing its payload once for the
 * checksum, and copying the payload once more for retransmission: what any TCP sender of these
 * bytes has to do.
 *
 * How it could lie.  Sending without answers would fill the window and the order table: after each
 * sample the peer acknowledges and cancels every order, by frames through the whole gateway, which
 * is not timed but takes the caches with it as a running day would.  Frame buffers are used in
 * turns.  Each sample is the mean of 8 orders, so the tail of one order is not visible there;
 * send.order/cold times single orders after the caches were emptied.
 *
 * send.order/tx and its rivals: the bytes of one order are ready, and the sample ends when the
 * frame is with the port: ours by session_finish and the burst, lwIP's by tcp_write, tcp_output
 * and the same burst on the same port, the kernel's by send() into a veth.  Single sends, in turns,
 * each acknowledged by its peer before the next, less the timer's own time; they are as short as
 * the clock's steps, so the percentiles are those of grouped data.  Before each send of either the
 * port's transmit function is called with nothing to send, as a rehearsal does (lane/rehearsal.c):
 * what differs is the TCP, not how the driver's code came near.  The kernel carries the frame up to
 * the peer's socket within send(): there is no NIC whose driver would end it earlier.
 */
enum {
	PER_SAMPLE = 8,
	SAMPLES = 12000,
	SAMPLES_QUICK = 500,
	WARM = 200,
	COLD_SAMPLES = 300,
	COLD_SAMPLES_QUICK = 10,
	FRAME_BYTES = 2048,
	FIRST_ID = 1 << 20, // far from those of the strategies
	STEP_NS = 1000000,
	STORE_BYTES = 65536,
	RIVAL_TURN = 100,
	RIVAL_WARM = 20,
	LWIP_IP = 0x0a0a0302,
	LWIP_PEER_IP = 0x0a0a0301,
	PEER_PORT = 26488,
};

struct rig {
	struct lab *lab;
	struct session *s;
	uint32_t next_id;
	uint8_t *frame; // PER_SAMPLE of FRAME_BYTES
	uint16_t frame_len[PER_SAMPLE];
	uint8_t sent[FRAME_BYTES]; // a finished frame, for the floor
	uint16_t sent_len;
	uint8_t *store; // the floor's copy for retransmission
	uint32_t store_at;
	struct peer lwip_peer;
	int kernel_fd;
};

/* What the lane does between risk's verdict and the port, as in pipeline.h. */
HOT_INLINE uint16_t
send_one(struct session *s, const struct order *o, uint8_t *frame, uint64_t now_ns)
{
	struct venue_request request;
	struct update update;
	struct fill fill;
	uint8_t *payload;
	uint16_t len;

	if (unlikely(orders_on_order(&s->orders, o, &request, &fill, &update) != ORDERS_SEND))
		bench_die("an order was refused");
	payload = tcp_frame_start(&s->tcp, frame);
	len = session_encode(s, &request, payload);
	return session_finish(s, frame, len, now_ns);
}

/* The peer takes the frames and answers; the gateway digests that. */
static void
answer(struct rig *r, unsigned cnt)
{
	for (unsigned k = 0; k < cnt; k++)
		peer_on_frame(&r->lab->peer, r->frame + (size_t)k * FRAME_BYTES, r->frame_len[k]);
	lab_advance(r->lab, STEP_NS);
	r->lab->peer.log_len = 0;
	if (r->lab->peer.bad_cnt != 0)
		bench_die("the venue saw a broken frame");
	if (r->s->orders.open_cnt != 0)
		bench_die("an order was not answered");
}

static uint64_t
time_send(struct rig *r, unsigned cnt)
{
	struct order o = { .head.instr_idx = 1,
			   .head.rx_ns = r->lab->now_ns,
			   .px4 = 1000000,
			   .reserve_qty = 100,
			   .qty = 100,
			   .tif = TIF_IOC,
			   .limits_version = 1 };
	uint64_t start, cycles;
	bool sent = true;

	start = bench_start();
	for (unsigned k = 0; k < cnt; k++) {
		o.intent_id = r->next_id++;
		o.side = (uint8_t)(k & 1);
		o.px4 += 100;
		bench_keep(&o);
		r->frame_len[k] =
			send_one(r->s, &o, r->frame + (size_t)k * FRAME_BYTES, o.head.rx_ns);
		sent &= r->frame_len[k] != 0;
		bench_keep(r->frame);
	}
	session_prepare(r->s); // as the lane does after sending
	cycles = bench_since(start);
	if (!sent)
		bench_die("tcp refused a frame");
	memcpy(r->sent, r->frame, r->frame_len[0]);
	r->sent_len = r->frame_len[0];
	answer(r, cnt);
	return cycles;
}

static uint64_t
time_floor(struct rig *r, unsigned cnt)
{
	const uint16_t head_len = r->s->tcp.head_len;
	const uint16_t payload_len = (uint16_t)(r->sent_len - head_len);
	const uint64_t start = bench_start();

	for (unsigned k = 0; k < cnt; k++) {
		uint8_t *frame = r->frame + (size_t)k * FRAME_BYTES;
		be16 sum;

		memcpy(frame, r->sent, r->sent_len);
		sum = ip_sum_finish(ip_sum_bytes(0, frame + head_len, payload_len));
		memcpy(r->store + r->store_at, frame + head_len, payload_len);
		r->store_at = (r->store_at + payload_len) % (STORE_BYTES - FRAME_BYTES);
		bench_keep(&sum);
		bench_keep(frame);
	}
	return bench_since(start);
}

/* One order whose bytes are ready: the headers' numbers, the checksum, the burst. */
static uint64_t
time_tx(struct rig *r)
{
	struct order o = { .head.instr_idx = 1,
			   .head.rx_ns = r->lab->now_ns,
			   .px4 = 1000000,
			   .reserve_qty = 100,
			   .qty = 100,
			   .tif = TIF_IOC,
			   .intent_id = r->next_id++,
			   .limits_version = 1 };
	struct port_tx *tx = &r->s->port->tx;
	struct venue_request request = { 0 };
	uint16_t len, frame_len;
	struct update update;
	uint8_t *frame;
	struct fill fill;
	uint64_t start, cycles;

	if (orders_on_order(&r->s->orders, &o, &request, &fill, &update) != ORDERS_SEND)
		bench_die("an order was refused");
	frame = port_tx_room(tx);
	len = session_encode(r->s, &request, tcp_frame_start(&r->s->tcp, frame));
	port_tx_touch(tx);
	start = bench_start();
	frame_len = session_finish(r->s, frame, len, o.head.rx_ns);
	port_tx_add(tx, frame_len);
	port_tx_flush(tx);
	cycles = bench_since(start);
	if (frame_len == 0)
		bench_die("tcp refused a frame");
	session_prepare(r->s);
	port_tx_prepare(tx);
	answer(r, 0);
	return cycles;
}

static uint8_t *
lwip_room(void *arg)
{
	return port_tx_room(arg);
}

static void
lwip_flush(void *arg, uint16_t frame_len)
{
	port_tx_add(arg, frame_len);
	port_tx_flush(arg);
}

/* lwIP's peer takes its frames and answers; lwIP digests that. */
static void
settle_lwip(struct rig *r)
{
	struct peer *p = &r->lwip_peer;
	struct rte_mbuf *m;
	bool moved;

	do {
		moved = false;
		while (rte_ring_dequeue(r->lab->oe_out, (void **)&m) == 0) {
			peer_on_frame(p, rte_pktmbuf_mtod(m, uint8_t *), m->data_len);
			rte_pktmbuf_free(m);
			moved = true;
		}
		for (unsigned i = 0; i < p->out_cnt; i++)
			if (!rival_lwip_input(p->out[i].data, p->out[i].len))
				bench_die("lwIP has no buffer");
		p->out_cnt = 0;
	} while (moved);
	p->log_len = 0;
	if (!rival_lwip_connected())
		bench_die("lwIP's connection is gone");
}

static void
open_lwip(struct rig *r)
{
	const struct rival_lwip_port port = { .room = lwip_room,
					      .send = lwip_flush,
					      .arg = &r->s->port->tx };
	const char *missing;

	peer_init(&r->lwip_peer, LWIP_PEER_IP, PEER_PORT);
	missing = rival_lwip_open(&port, LWIP_IP, LWIP_PEER_IP, PEER_PORT);
	if (missing != NULL)
		bench_die(missing);
	settle_lwip(r);
}

static uint64_t
time_lwip(struct rig *r)
{
	const uint16_t head_len = r->s->tcp.head_len;
	uint64_t start, cycles;

	port_tx_touch(&r->s->port->tx);
	start = bench_start();
	if (!rival_lwip_send(r->sent + head_len, (uint16_t)(r->sent_len - head_len)))
		bench_die("lwIP does not send");
	cycles = bench_since(start);
	port_tx_prepare(&r->s->port->tx);
	settle_lwip(r);
	return cycles;
}

static uint64_t
time_kernel(struct rig *r)
{
	const uint16_t head_len = r->s->tcp.head_len;
	const size_t len = (size_t)(r->sent_len - head_len);
	const uint64_t start = bench_start();
	uint64_t cycles;

	if (send(r->kernel_fd, r->sent + head_len, len, MSG_NOSIGNAL) != (ssize_t)len)
		bench_die("the kernel does not send");
	cycles = bench_since(start);
	rival_kernel_settle(r->kernel_fd);
	return cycles;
}

/* Some sends of one rival; the first ones only bring its code and data back. */
static void
run_turn(struct rig *r, uint64_t (*time)(struct rig *), struct bench_series *series)
{
	for (unsigned i = 0; i < RIVAL_WARM; i++)
		time(r);
	for (unsigned i = 0; i < RIVAL_TURN; i++) {
		bench_add(series, time(r));
	}
}

static void
run_rivals(struct bench *b, struct rig *r)
{
	const struct bench_target none = { 0 }, lwip_least = { .ratio_min = 5 },
				  kernel_least = { .ratio_min = 20 };
	const unsigned samples = b->quick ? SAMPLES_QUICK : SAMPLES;
	static const struct {
		uint32_t share;
		const char *tx, *lwip, *kernel;
	} ROW[] = {
		{ BENCH_P50, "tx", "lwip", "kernel" },
		{ BENCH_P99, "tx p99", "lwip p99", "kernel p99" },
	};
	struct bench_series tx, lwip, kernel;

	open_lwip(r);
	r->kernel_fd = rival_kernel_open();
	if (r->kernel_fd < 0)
		printf("  no namespace for the kernel's TCP (needs root): not measured\n");
	bench_series_init(&tx, samples, 1);
	bench_series_init(&lwip, samples, 1);
	bench_series_init(&kernel, samples, 1);
	for (unsigned i = 0; i < samples; i += RIVAL_TURN) {
		run_turn(r, time_tx, &tx);
		run_turn(r, time_lwip, &lwip);
		if (r->kernel_fd >= 0)
			run_turn(r, time_kernel, &kernel);
	}
	for (unsigned i = 0; i < ARRAY_CNT(ROW); i++) {
		const double ours = bench_fine_ns(b, &tx, ROW[i].share);

		bench_figure(b, ROW[i].tx, ours, "ns", 0, none);
		bench_figure(b, ROW[i].lwip, bench_fine_ns(b, &lwip, ROW[i].share), "ns", ours,
			     lwip_least);
		if (r->kernel_fd >= 0)
			bench_figure(b, ROW[i].kernel, bench_fine_ns(b, &kernel, ROW[i].share),
				     "ns", ours, kernel_least);
	}
}

int
main(int argc, char **argv)
{
	static struct rig r;
	struct bench_series value, floor, cold, cold_floor;
	unsigned samples, cold_samples;
	struct bench b;

	bench_open(&b, "send.order", argc, argv);
	lab_eal();
	bench_pin(b.core); // EAL pinned this thread to its own choice
	r.lab = lab_open(&(struct lab_setup){ 0 });
	lab_session_up(r.lab);
	r.s = lab_lane_with(r.lab, ORDERS)->session[0];
	r.next_id = FIRST_ID;
	r.frame = bench_memory((size_t)PER_SAMPLE * FRAME_BYTES);
	r.store = bench_memory(STORE_BYTES);
	samples = b.quick ? SAMPLES_QUICK : SAMPLES;
	cold_samples = b.quick ? COLD_SAMPLES_QUICK : COLD_SAMPLES;
	bench_series_init(&value, samples, PER_SAMPLE);
	bench_series_init(&floor, samples, PER_SAMPLE);
	bench_series_init(&cold, cold_samples, 1);
	bench_series_init(&cold_floor, cold_samples, 1);
	for (unsigned i = 0; i < WARM; i++)
		time_send(&r, PER_SAMPLE);
	for (unsigned i = 0; i < samples; i++) {
		bench_add(&floor, time_floor(&r, PER_SAMPLE));
		bench_add(&value, time_send(&r, PER_SAMPLE));
	}
	for (unsigned i = 0; i < cold_samples; i++) {
		bench_evict();
		bench_add(&cold_floor, time_floor(&r, 1));
		bench_evict();
		bench_add(&cold, time_send(&r, 1));
	}
	bench_report(&b, "", &value, &floor, BENCH_P50, (struct bench_target){ 0 });
	bench_report(&b, "p99", &value, &floor, BENCH_P99, (struct bench_target){ 0 });
	bench_report(&b, "cold", &cold, &cold_floor, BENCH_P50, (struct bench_target){ 0 });
	run_rivals(&b, &r);
	lab_close(r.lab);
	return bench_close(&b);
}

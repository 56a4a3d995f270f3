/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_WIRE_SOUPBINTCP_H
#define SLUICE_WIRE_SOUPBINTCP_H

#include "base/wire_int.h"

/*
 * SoupBinTCP 3.00, 4.00 and 4.10: packets on one TCP connection.  What the server sends as 'S' is
 * numbered and can be asked for again; everything else is not.  Text is ASCII.
 */
enum soup_type {
	SOUP_DEBUG = '+',          // both ways
	SOUP_LOGIN_ACCEPTED = 'A', // server
	SOUP_LOGIN_REJECTED = 'J', // server
	SOUP_SEQUENCED = 'S',      // server
	SOUP_UNSEQUENCED = 'U',    // client; since 4.00 the server too
	SOUP_SERVER_HEARTBEAT = 'H',
	SOUP_END_OF_SESSION = 'Z', // server
	SOUP_LOGIN_REQUEST = 'L',  // client
	SOUP_CLIENT_HEARTBEAT = 'R',
	SOUP_LOGOUT_REQUEST = 'O', // client
};

/* Why a login was refused. */
enum soup_reject {
	SOUP_REJECT_NOT_AUTHORIZED = 'A', // username or password
	SOUP_REJECT_NO_SESSION = 'S',     // the requested session is not available
};

enum soup_edition {
	SOUP_EDITION_300,
	SOUP_EDITION_400, // the server may send unsequenced data
	SOUP_EDITION_410, // the login request says how long the client may be silent
};

enum {
	SOUP_USERNAME_LEN = 6,
	SOUP_PASSWORD_LEN = 10,
	SOUP_SESSION_LEN = 10,
	SOUP_SEQ_LEN = 20,
	SOUP_HEARTBEAT_LEN = 5,
	SOUP_LEN_BYTES = 2,        // the length field, which does not count itself
	SOUP_LEN_MAX = UINT16_MAX, // type byte and payload
};

/* In front of every packet.  A length of 0 is a violation: the type byte is part of it. */
struct soup_head {
	be16 len; // bytes after this field: type and payload
	uint8_t type;
};
static_assert(sizeof(struct soup_head) == 3, "SoupBinTCP 3.00: framing");
static_assert(offsetof(struct soup_head, type) == 2, "SoupBinTCP 3.00: framing");

/* 'A' */
struct soup_login_accepted {
	struct soup_head head;
	char session[SOUP_SESSION_LEN]; // padded with spaces on the left
	char seq[SOUP_SEQ_LEN];         // of the next sequenced message; padded on the left
};
static_assert(sizeof(struct soup_login_accepted) == 33, "SoupBinTCP 3.00: Login Accepted");
static_assert(offsetof(struct soup_login_accepted, seq) == 13, "SoupBinTCP 3.00: Login Accepted");

/* 'J' */
struct soup_login_rejected {
	struct soup_head head;
	uint8_t reason; // enum soup_reject, or one we do not know
};
static_assert(sizeof(struct soup_login_rejected) == 4, "SoupBinTCP 3.00: Login Rejected");
static_assert(offsetof(struct soup_login_rejected, reason) == 3, "SoupBinTCP 3.00: Login Rejected");

/* 'L' as 3.00 and 4.00 have it. */
struct soup_login_request {
	struct soup_head head;
	char username[SOUP_USERNAME_LEN]; // padded on the right, case does not matter
	char password[SOUP_PASSWORD_LEN]; // padded on the right, case does not matter
	char session[SOUP_SESSION_LEN];   // blank: whatever session is active
	char seq[SOUP_SEQ_LEN];           // 1: from the start; 0: only what comes from now on
};
static_assert(sizeof(struct soup_login_request) == 49, "SoupBinTCP 3.00: Login Request");
static_assert(offsetof(struct soup_login_request, seq) == 29, "SoupBinTCP 3.00: Login Request");

/* 'L' as 4.10 has it. */
struct soup_login_request_410 {
	struct soup_login_request login;
	char heartbeat_ms[SOUP_HEARTBEAT_LEN]; // client silence to tolerate; padded on the left
};
static_assert(sizeof(struct soup_login_request_410) == 54, "SoupBinTCP 4.10: Login Request");
static_assert(offsetof(struct soup_login_request_410, heartbeat_ms) == 49,
	      "SoupBinTCP 4.10: Login Request");

HOT_INLINE struct soup_head
soup_head_of(enum soup_type type, uint16_t payload_len)
{
	return (struct soup_head){ be16_of((uint16_t)(payload_len + 1)), (uint8_t)type };
}

#endif

/* Questions about sessions that two routes share. Private to server/. */
#ifndef VECMILL_SERVER_NEXT_ITEM_ANSWER_H
#define VECMILL_SERVER_NEXT_ITEM_ANSWER_H

#include "embedding/session.h"
#include "server/query/inquiry.h"

/* POST .../evaluate?set=next-item: appends the whole answer. */
enum status next_item_answer(struct inquiry *inquiry, struct buffer *answer,
                             struct error *err) MUST_CHECK;
/* Appends `,"score":"cosine","history":1,"decay":1,"repeat":false`. */
void session_options_append(const struct session_options *options, struct buffer *answer);
/* The keys of its query that other sets do not take, ended by NULL. */
extern const char *const next_item_keys[];

#endif

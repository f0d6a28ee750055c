/* Sessions: lists of items in the order in which somebody met them (pages, songs, products). What
 * comes next in one, and how well a model tells that. Errors and threads as in
 * embedding/embedding.h. */
#ifndef VECMILL_EMBEDDING_SESSION_H
#define VECMILL_EMBEDDING_SESSION_H

#include "embedding/embedding.h"

/* ---- what comes next (session.c) ------------------------------------------------------------- */

/* How an item is scored against the session: the cosine of the vectors; or, as training scores a
 * word in the context of another, the product with the item's output row and its bias: what is met
 * often scores more. */
#define SESSION_SCORES(CHOICE)       \
    CHOICE(SESSION_COSINE, "cosine") \
    CHOICE(SESSION_OUTPUT, "output")
enum session_score { SESSION_SCORES(CHOICE_CONSTANT) };
const char *session_score_name(enum session_score score);

struct session_options {
    enum session_score score;
    uint32_t history; /* so many of the last items ask; 0 = all */
    double decay;     /* 0 to 1: an item counts `decay` times as much as the one behind it */
    bool repeat;      /* items of the session may be found again */
};
#define SESSION_HITS 10 /* a hit is among so many, where nobody says how many */
#define SESSION_OPTIONS ((struct session_options){.history = 1, .decay = 1})

/* The k items that score best behind each of n sessions, whose items are ids[starts[i] ..
 * starts[i + 1]), the last one last. A session asks with the weighted mean of the vectors of its
 * last items (cosine: at length 1; output: as long as they are). One without items, or with zeros
 * only, finds nothing. k, candidates, threads, stop, out and found: as in search_neighbors.
 * Errors: REFUSED (key score) where a model without output table is to score by it; CANCELLED.
 * Cost: as search_neighbors. */
enum status session_next(const struct model *model, const uint32_t *ids, const size_t *starts,
                         size_t n, const struct session_options *options,
                         const struct candidates *candidates, size_t k, int threads,
                         const struct stop *stop, struct neighbor *out, size_t *found,
                         struct error *err) MUST_CHECK;

/* ---- sessions of a text (next_item.c) -------------------------------------------------------- */

#define SESSION_LIST '\x1f' /* before a line of tokens that may hold white space, and after each */

/* The items of a line. */
struct session_ids {
    uint32_t *ids; /* [n]; WORD_NONE: not known. Owned: free */
    size_t n, room;
    uint64_t folded; /* items found in another case only; over all lines */
};
/* Reads a line: items separated by white space, as training reads text; or a line of the tokens
 * format. Takes the place of the items that were there. */
enum status session_items(const struct vocabulary *vocabulary, enum word_case word_case,
                          const char *line, size_t length, struct session_ids *items,
                          struct error *err) MUST_CHECK;

/* Is it marked as a file of sessions? Its first line is "# next-item" then. */
bool evaluate_is_sessions(const char *text, size_t length);

/* How well the last item of each session is told from those before it. */
struct next_item_report {
    uint64_t sessions;                       /* lines that hold an item */
    uint64_t skipped_short, skipped_unknown; /* one item; none known before the last one */
    uint64_t asked;                          /* all others */
    uint64_t hits;             /* of asked: the last item is among the k that were found */
    uint64_t unknown_targets;  /* of asked: the model does not know the last item; no hits */
    uint64_t repeated_targets; /* of asked: it stood before in the session; no hit without repeat */
    uint64_t unknown_items;    /* other items that the model does not know; passed over */
    uint64_t folded;           /* items found in another case only */
    double reciprocal_ranks;   /* sum over the hits of 1 / rank; MRR is that over asked */
    double gains;              /* sum over the hits of 1 / log2(1 + rank); NDCG the same way */
    uint64_t recommended;      /* different items that were found for some session */
    uint32_t catalogue;        /* items that could be */
    size_t k;                  /* cut to the vocabulary */
};
/* text: a line a session, see session_items; lines without an item are passed over, and so is a
 * first line that evaluate_is_sessions knows. stop: asked every 1024 lines and in the search.
 * Errors: REFUSED when no session has two items, and as session_next; CANCELLED. Cost: as
 * search_neighbors for the sessions. */
enum status evaluate_next_item(const struct model *model, const char *text, size_t length,
                               const struct session_options *options,
                               const struct candidates *candidates, size_t k,
                               enum word_case word_case, int threads, const struct stop *stop,
                               struct next_item_report *report, struct error *err) MUST_CHECK;
/* Bytes of memory that it takes at most beside the text. */
uint64_t evaluate_next_item_memory(const struct model *model, size_t length, size_t k, int threads);

#endif

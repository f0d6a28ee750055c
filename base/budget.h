/* Memory that a program may hold, counted by what it is for and bounded in all. Nothing waits for
 * room: what does not fit is refused, with the numbers. Safe from any thread; a grant belongs to
 * one thread at a time. */
#ifndef VECMILL_BASE_BUDGET_H
#define VECMILL_BASE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* One row per kind: enumerator, name in metrics. */
#define BUDGET_ROWS(ROW)                                                  \
    ROW(MODELS, "models")     /* that are served */                       \
    ROW(IMPORTS, "imports")   /* vector files being read */               \
    ROW(REQUESTS, "requests") /* bodies, and what answering them takes */ \
    ROW(ANSWERS, "answers")   /* made, and not yet taken by their client */

#define BUDGET_ENUM(name, text) BUDGET_##name,
enum budget_kind { BUDGET_ROWS(BUDGET_ENUM) BUDGET_KINDS };
#undef BUDGET_ENUM

struct budget {
    uint64_t limit; /* bytes */
    atomic_uint_fast64_t used, by_kind[BUDGET_KINDS], refused;
};
void budget_init(struct budget *budget, uint64_t limit);
const char *budget_kind_name(enum budget_kind kind);
/* What a kind may take: the whole, but an eighth less for models and imports, so that there is
 * always room to ask and to answer. UINT64_MAX without a budget. */
uint64_t budget_bound(const struct budget *budget, enum budget_kind kind);

/* What somebody holds of a budget. {.budget = b, .kind = k} holds nothing; without a budget there
 * is no bound and nothing is counted. */
struct grant {
    struct budget *budget;
    enum budget_kind kind;
    uint64_t bytes;
    uint64_t refused; /* bytes last asked for in vain */
};
/* Holds `bytes` from now on, more or less than before. Less never fails. On failure the grant holds
 * what it held. Errors: see grant_explain; `what` is its subject, as "the answer". */
enum status grant_resize(struct grant *grant, uint64_t bytes, const char *what,
                         struct error *err) MUST_CHECK;
/* The error of the last refusal, key "memory_budget": TOO_LARGE when it can never fit, NO_MEMORY
 * when it may another time. */
enum status grant_explain(const struct grant *grant, const char *what,
                          struct error *err) MUST_CHECK;
void grant_clear(struct grant *grant); /* gives back what it holds */

#endif

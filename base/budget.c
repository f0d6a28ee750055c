#include "base/budget.h"

#include <inttypes.h>

/* Of the budget, one part in so many is for requests and answers alone. */
#define RESERVED_SHARE 8

void budget_init(struct budget *budget, uint64_t limit) {
    budget->limit = limit;
    atomic_init(&budget->used, 0);
    atomic_init(&budget->refused, 0);
    for (int kind = 0; kind < BUDGET_KINDS; kind++)
        atomic_init(&budget->by_kind[kind], 0);
}

const char *budget_kind_name(enum budget_kind kind) {
#define BUDGET_NAME(name, text) [BUDGET_##name] = text,
    static const char *const names[] = {BUDGET_ROWS(BUDGET_NAME)};
#undef BUDGET_NAME
    return kind < BUDGET_KINDS ? names[kind] : "nothing";
}

uint64_t budget_bound(const struct budget *budget, enum budget_kind kind) {
    if (!budget)
        return UINT64_MAX;
    switch (kind) {
    case BUDGET_MODELS:
    case BUDGET_IMPORTS:
        return budget->limit - budget->limit / RESERVED_SHARE;
    case BUDGET_REQUESTS:
    case BUDGET_ANSWERS:
    case BUDGET_KINDS:
        break;
    }
    return budget->limit;
}

/* Takes `more` bytes if all that is held stays within the kind's bound. */
static bool budget_take(struct budget *budget, enum budget_kind kind, uint64_t more) {
    uint64_t bound = budget_bound(budget, kind);
    uint_fast64_t used = atomic_load(&budget->used);
    do {
        if (used > bound || more > bound - used)
            return false;
    } while (!atomic_compare_exchange_weak(&budget->used, &used, used + more));
    atomic_fetch_add(&budget->by_kind[kind], more);
    return true;
}

enum status grant_explain(const struct grant *grant, const char *what, struct error *err) {
    uint64_t bound = budget_bound(grant->budget, grant->kind);
    if (!grant->budget || grant->refused > bound)
        return error_set_key(err, STATUS_TOO_LARGE, "memory_budget",
                             "%s needs %" PRIu64 " bytes of memory; memory_budget leaves %" PRIu64
                             " to %s at most",
                             what, grant->refused, bound, budget_kind_name(grant->kind));
    return error_set_key(err, STATUS_NO_MEMORY, "memory_budget",
                         "%s needs %" PRIu64 " bytes of memory; of the %" PRIu64
                         " that memory_budget leaves to %s, %" PRIu64 " are in use",
                         what, grant->refused, bound, budget_kind_name(grant->kind),
                         (uint64_t)atomic_load(&grant->budget->used));
}

enum status grant_resize(struct grant *grant, uint64_t bytes, const char *what, struct error *err) {
    struct budget *budget = grant->budget;
    if (budget && bytes > grant->bytes && !budget_take(budget, grant->kind, bytes - grant->bytes)) {
        atomic_fetch_add(&budget->refused, 1);
        grant->refused = bytes;
        return grant_explain(grant, what, err);
    }
    if (budget && bytes < grant->bytes) {
        atomic_fetch_sub(&budget->by_kind[grant->kind], grant->bytes - bytes);
        atomic_fetch_sub(&budget->used, grant->bytes - bytes);
    }
    grant->bytes = bytes;
    return STATUS_OK;
}

void grant_clear(struct grant *grant) {
    status_ignore(grant_resize(grant, 0, "", NULL)); /* less never fails */
}

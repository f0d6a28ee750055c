/* What the work for a request takes of memory_budget, and whether it is still wanted. */
#include <poll.h>
#include <time.h>

#include "server/http/context.h"
#include "server/http/http_private.h"

/* Short questions are not looked after, so that a client that shuts its writing side gets their
 * answers. */
#define LOOK_AFTER_MS 100
#define LOOK_EVERY_MS 20

/* A clock of some milliseconds' steps, which costs next to nothing. */
static int_fast64_t coarse_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int_fast64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool client_gone(const struct exchange *exchange) {
    struct pollfd look = {.fd = exchange->link->fd, .events = POLLRDHUP};
    return poll(&look, 1, 0) > 0 && (look.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

static bool service_ends(void *context) {
    struct exchange *exchange = context;
    bool ends = exchange->http && atomic_load(&exchange->http->ending);
    if (ends)
        atomic_store(&exchange->stopped, true);
    return ends;
}

static bool nobody_waits(void *context) {
    struct exchange *exchange = context;
    if (service_ends(exchange))
        return true;
    int_fast64_t now = coarse_ms(), looked = atomic_load(&exchange->looked);
    /* of several threads one looks */
    if (now >= looked + LOOK_EVERY_MS && exchange->link &&
        atomic_compare_exchange_strong(&exchange->looked, &looked, now) && client_gone(exchange)) {
        atomic_store(&exchange->gone, true);
        atomic_store(&exchange->stopped, true);
    }
    return atomic_load(&exchange->gone);
}

void work_begin(struct exchange *exchange) {
    struct server *server = exchange->http ? exchange->http->server : NULL;
    struct budget *budget = server ? server->budget : NULL;
    exchange->body_memory = (struct grant){.budget = budget, .kind = BUDGET_REQUESTS};
    exchange->work_memory = exchange->body_memory;
    exchange->answer_memory = (struct grant){.budget = budget, .kind = BUDGET_ANSWERS};
    exchange->body.grant = &exchange->body_memory;
    exchange->stop = (struct stop){nobody_waits, exchange};
    exchange->stop_of_service = (struct stop){service_ends, exchange};
    atomic_store(&exchange->looked, coarse_ms() + LOOK_AFTER_MS);
}

void work_end(struct exchange *exchange) {
    grant_clear(&exchange->body_memory);
    grant_clear(&exchange->work_memory);
    grant_clear(&exchange->answer_memory);
    if (exchange->http && atomic_load(&exchange->stopped))
        atomic_fetch_add(&exchange->http->stopped, 1);
}

static void refuse_answer(struct exchange *exchange, const struct error *err) {
    response_error(&exchange->request, &exchange->response, 0, err);
}

void work_settle(struct exchange *exchange) {
    struct buffer *body = &exchange->response.body;
    struct error err = {0};
    uint64_t bytes = body->length > BUFFER_FREE_BYTES ? body->length : 0;
    body->grant = NULL;
    buffer_clear(&exchange->body);
    grant_clear(&exchange->body_memory);
    grant_clear(&exchange->work_memory);
    if (!body->failed &&
        grant_resize(&exchange->answer_memory, bytes, "the answer", &err) != STATUS_OK)
        refuse_answer(exchange, &err);
}

enum status request_reserve(const struct http_request *request, uint64_t bytes, const char *what,
                            struct error *err) {
    struct exchange *exchange = request->connection;
    if (!exchange)
        return STATUS_OK;
    uint64_t all;
    if (__builtin_add_overflow(exchange->work, bytes, &all))
        all = UINT64_MAX;
    enum status status =
        grant_resize(&exchange->work_memory, all <= REQUEST_FREE_BYTES ? 0 : all, what, err);
    if (status == STATUS_OK)
        exchange->work = all;
    return status;
}

enum status request_expect_answer(const struct http_request *request, uint64_t bytes,
                                  struct error *err) {
    struct exchange *exchange = request->connection;
    return !exchange || bytes <= BUFFER_FREE_BYTES
               ? STATUS_OK
               : grant_resize(&exchange->answer_memory, bytes, "the answer", err);
}

struct buffer request_answer(const struct http_request *request) {
    struct exchange *exchange = request->connection;
    return (struct buffer){.grant = exchange ? &exchange->answer_memory : NULL};
}

const struct stop *request_stop(const struct http_request *request) {
    struct exchange *exchange = request->connection;
    return exchange && exchange->stop.asked ? &exchange->stop : NULL;
}

const struct stop *request_stop_of_service(const struct http_request *request) {
    struct exchange *exchange = request->connection;
    return exchange && exchange->stop_of_service.asked ? &exchange->stop_of_service : NULL;
}

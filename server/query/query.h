/* Routes that put a question to a served model. */
#ifndef VECMILL_SERVER_QUERY_H
#define VECMILL_SERVER_QUERY_H

#include "server/http/http.h"

void vectors_get(struct server *server, const struct http_request *request,
                 struct http_response *response);
void vectors_post(struct server *server, const struct http_request *request,
                  struct http_response *response);
void vectors_openai(struct server *server, const struct http_request *request,
                    struct http_response *response);
void words_get(struct server *server, const struct http_request *request,
               struct http_response *response);
void neighbors_get(struct server *server, const struct http_request *request,
                   struct http_response *response);
void neighbors_post(struct server *server, const struct http_request *request,
                    struct http_response *response);
void analogy_post(struct server *server, const struct http_request *request,
                  struct http_response *response);
void similarity_post(struct server *server, const struct http_request *request,
                     struct http_response *response);
void rank_post(struct server *server, const struct http_request *request,
               struct http_response *response);
void relative_post(struct server *server, const struct http_request *request,
                   struct http_response *response);
void closer_than_post(struct server *server, const struct http_request *request,
                      struct http_response *response);
void distances_post(struct server *server, const struct http_request *request,
                    struct http_response *response);
void n_similarity_post(struct server *server, const struct http_request *request,
                       struct http_response *response);
void wmd_post(struct server *server, const struct http_request *request,
              struct http_response *response);
void odd_one_out_post(struct server *server, const struct http_request *request,
                      struct http_response *response);
void recommend_post(struct server *server, const struct http_request *request,
                    struct http_response *response);
void evaluate_post(struct server *server, const struct http_request *request,
                   struct http_response *response);
void loss_nce_post(struct server *server, const struct http_request *request,
                   struct http_response *response);
void loss_sampled_softmax_post(struct server *server, const struct http_request *request,
                               struct http_response *response);
void loss_weighted_post(struct server *server, const struct http_request *request,
                        struct http_response *response);
void loss_softmax_post(struct server *server, const struct http_request *request,
                       struct http_response *response);
void candidates_post(struct server *server, const struct http_request *request,
                     struct http_response *response);

#endif

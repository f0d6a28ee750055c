/* The component schemas of /openapi.json that no table can give, one a line: name, colon, schema.
 * Ended by a NULL. */
#include "server/system.h"

#define REF(name) "{\"$ref\":\"#/components/schemas/" name "\"}"
#define LIST(item) "{\"type\":\"array\",\"items\":" item "}"
#define TEXT "{\"type\":\"string\"}"
#define INT "{\"type\":\"integer\"}"
#define REAL "{\"type\":\"number\"}"
#define FLAG "{\"type\":\"boolean\"}"
#define TIME "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}"
#define MAYBE_TEXT "{\"type\":[\"string\",\"null\"]}"
#define MAYBE_REAL "{\"type\":[\"number\",\"null\"]}"
#define MAYBE_INT "{\"type\":[\"integer\",\"null\"]}"
#define CHOICE(list) "{\"type\":\"string\",\"enum\":[" list "]}"
#define OBJECT(members) "{\"type\":\"object\",\"properties\":{" members "}}"
#define REQUIRING(names, members) \
    "{\"type\":\"object\",\"required\":[" names "],\"properties\":{" members "}}"

#define WORD_OR_ID "{\"type\":[\"string\",\"integer\"]}"
#define SCORED OBJECT("\"word\":" TEXT ",\"id\":" INT ",\"score\":" REAL)

const char *const openapi_schemas[] = {
    "\"Problem\":" REQUIRING("\"type\",\"title\",\"status\"",
                             "\"type\":" TEXT ",\"title\":" TEXT ",\"status\":" INT
                             ",\"detail\":" TEXT ",\"instance\":" TEXT ",\"request_id\":" TEXT
                             ",\"errors\":" LIST(OBJECT("\"pointer\":" TEXT ",\"detail\":" TEXT))),
    "\"OpenAIError\":" REQUIRING(
        "\"error\"",
        "\"error\":" OBJECT("\"message\":" TEXT ",\"type\":" TEXT ",\"param\":" MAYBE_TEXT
                            ",\"code\":" MAYBE_TEXT ",\"suggestions\":" LIST(TEXT))),
    "\"Corpus\":" REQUIRING("\"name\",\"bytes\",\"digest\",\"created\"",
                            "\"name\":" TEXT ",\"bytes\":" INT ",\"digest\":" TEXT
                            ",\"format\":" TEXT ",\"created\":" TIME ",\"altered\":" INT
                            ",\"report\":{\"type\":[\"object\",\"null\"]}"),
    "\"CorpusList\":" OBJECT("\"object\":" TEXT ",\"data\":" LIST(REF("Corpus"))),
    "\"JobRequest\":" REQUIRING("\"corpus\",\"model\"", "\"corpus\":" TEXT ",\"model\":" TEXT
                                                        ",\"settings\":" REF("JobSettings")),
    "\"Job\":" REQUIRING(
        "\"id\",\"state\",\"model\",\"corpus\"",
        "\"id\":" TEXT ",\"state\":" CHOICE(
            "\"queued\",\"running\",\"paused\",\"succeeded\",\"failed\","
            "\"cancelled\"") ",\"phase\":" CHOICE("\"vocabulary\",\"training\","
                                                  "\"publishing\"") ",\"model\":" TEXT
                                                                    ",\"corpus\":" TEXT ",\"corpus_"
                                                                    "digest\":" TEXT ",\"settings\""
                                                                    ":" REF(
                                                                        "JobSetting"
                                                                        "s") ",\"pr"
                                                                             "ogres"
                                                                             "s\":{"
                                                                             "\"typ"
                                                                             "e\":"
                                                                             "\"num"
                                                                             "ber\""
                                                                             ","
                                                                             "\"min"
                                                                             "imum"
                                                                             "\":0,"
                                                                             "\"max"
                                                                             "imum"
                                                                             "\":1}"
                                                                             ",\"ep"
                                                                             "och\""
                                                                             ":" INT ",\"ep"
                                                                             "ochs"
                                                                             "\""
                                                                             ":" INT ",\"st"
                                                                             "ep\""
                                                                             ":" INT ",\"wo"
                                                                             "rds\""
                                                                             ":" INT ",\"wo"
                                                                             "rds_"
                                                                             "total"
                                                                             "\""
                                                                             ":" INT ",\"wo"
                                                                             "rds_"
                                                                             "per_"
                                                                             "secon"
                                                                             "d\""
                                                                             ":" MAYBE_REAL ",\"lo"
                                                                             "ss\""
                                                                             ":" MAYBE_REAL ",\"le"
                                                                             "arnin"
                                                                             "g_"
                                                                             "rate"
                                                                             "\""
                                                                             ":" MAYBE_REAL ",\"et"
                                                                             "a_"
                                                                             "secon"
                                                                             "ds\""
                                                                             ":" MAYBE_REAL ",\"cr"
                                                                             "eated"
                                                                             "\""
                                                                             ":" TIME ",\"st"
                                                                             "arted"
                                                                             "\""
                                                                             ":" TIME ",\"fi"
                                                                             "nishe"
                                                                             "d\""
                                                                             ":" TIME ",\"er"
                                                                             "ror\""
                                                                             ":{"
                                                                             "\"typ"
                                                                             "e\":["
                                                                             "\"obj"
                                                                             "ect\""
                                                                             ","
                                                                             "\"nul"
                                                                             "l\"]}"
                                                                             ",\"co"
                                                                             "rpus_"
                                                                             "repor"
                                                                             "t\":{"
                                                                             "\"typ"
                                                                             "e\":["
                                                                             "\"obj"
                                                                             "ect\""
                                                                             ",\"nu"
                                                                             "ll\"]"
                                                                             "},"
                                                                             "\"ver"
                                                                             "sion"
                                                                             "\""
                                                                             ":" MAYBE_TEXT ",\"th"
                                                                             "reads"
                                                                             "\""
                                                                             ":" INT),
    "\"JobList\":" OBJECT("\"object\":" TEXT ",\"data\":" LIST(REF("Job")) ",\"total\":" INT),
    "\"JobHistory\":" OBJECT("\"job\":" TEXT ",\"data\":" LIST("{\"type\":\"object\"}")),
    "\"Model\":" REQUIRING(
        "\"id\",\"object\",\"created\",\"owned_by\"",
        "\"id\":" TEXT ",\"object\":{\"const\":\"model\"},\"created\":" INT ",\"owned_by\":" TEXT
        ",\"version\":" TEXT ",\"dim\":" INT ",\"words\":" INT ",\"digest\":" TEXT
        ",\"shards\":" INT ",\"partition\":" CHOICE(
            "\"mod\",\"div\"") ",\"max_norm\":" MAYBE_REAL
                               ",\"settings\":" REF(
                                   "JobSettings") ",\"corpus_digest\":" TEXT
                                                  ",\"corpus\":{\"type\":\"object\"},"
                                                  "\"training\":{\"type\":\"object\"},"
                                                  "\"files\":" LIST(TEXT)),
    "\"ModelList\":" OBJECT("\"object\":{\"const\":\"list\"},\"data\":" LIST(REF("Model"))),
    "\"ModelDeleted\":" OBJECT("\"id\":" TEXT ",\"object\":" TEXT ",\"deleted\":" FLAG),
    "\"VersionList\":" OBJECT("\"object\":" TEXT ",\"data\":" LIST("{\"type\":\"object\"}")),
    "\"Row\":" OBJECT("\"word\":" MAYBE_TEXT ",\"id\":" MAYBE_INT ",\"count\":" INT
                      ",\"shard\":" MAYBE_INT ",\"row\":" MAYBE_INT ",\"vector\":" LIST(REAL)),
    "\"Rows\":" OBJECT("\"model\":" TEXT ",\"version\":" TEXT ",\"dim\":" INT
                       ",\"data\":{\"type\":\"array\"},\"missing\":" LIST(WORD_OR_ID)),
    "\"RowsRequest\":" OBJECT(
        "\"words\":{\"type\":\"array\"},\"ids\":{\"type\":[\"array\",\"integer\"]},"
        "\"weights\":"
        "{\"type\":\"array\"},\"max_norm\":" REAL ",\"combiner\":" CHOICE(
            "\"sum\",\"mean\",\"sqrtn\"") ",\"oov\":" CHOICE("\"error\",\"skip\",\"zero\"")),
    "\"Words\":" OBJECT("\"model\":" TEXT ",\"version\":" TEXT ",\"total\":" INT ",\"offset\":" INT
                        ",\"limit\":" INT ",\"data\":" LIST(
                            OBJECT("\"word\":" TEXT ",\"id\":" INT ",\"count\":" INT))),
    "\"Neighbors\":" OBJECT("\"model\":" TEXT ",\"version\":" TEXT ",\"k\":" INT
                            ",\"query\":{\"type\":\"object\"},"
                            "\"neighbors\":" LIST(SCORED)),
    "\"NeighborsRequest\":" REQUIRING(
        "\"queries\"",
        "\"queries\":" LIST(
            OBJECT("\"word\":" TEXT ",\"id\":" INT ",\"vector\":" LIST(REAL) ",\"positive\":" LIST(
                WORD_OR_ID) ",\"negative\":" LIST(WORD_OR_ID))) ",\"k\":" INT ",\"among\":" INT),
    "\"NeighborsList\":" OBJECT("\"model\":" TEXT ",\"version\":" TEXT ",\"k\":" INT
                                ",\"results\":" LIST(OBJECT("\"neighbors\":" LIST(SCORED)))),
    "\"AnalogyRequest\":" REQUIRING(
        "\"positive\"",
        "\"positive\":" LIST(WORD_OR_ID) ",\"negative\":" LIST(
            WORD_OR_ID) ",\"k\":" INT ",\"method\":" CHOICE("\"add\",\"mul\"") ",\"among\":" INT),
    "\"SimilarityRequest\":" REQUIRING("\"pairs\"", "\"pairs\":" LIST(LIST(WORD_OR_ID))),
    "\"Similarity\":" OBJECT("\"model\":" TEXT ",\"version\":" TEXT ",\"data\":" LIST(
        OBJECT("\"pair\":{\"type\":\"array\"},\"similarity\":" MAYBE_REAL))),
    "\"OddOneOutRequest\":" REQUIRING("\"words\"", "\"words\":" LIST(WORD_OR_ID)),
    "\"OddOneOut\":" OBJECT("\"model\":" TEXT ",\"version\":" TEXT ",\"word\":" TEXT
                            ",\"index\":" INT ",\"scores\":" LIST(SCORED)),
    "\"Evaluation\":" OBJECT("\"model\":" TEXT ",\"version\":" TEXT ",\"set\":" TEXT
                             ",\"accuracy\":" MAYBE_REAL ",\"coverage\":" MAYBE_REAL
                             ",\"pearson\":" MAYBE_REAL ",\"spearman\":" MAYBE_REAL
                             ",\"sections\":" LIST("{\"type\":\"object\"}")),
    "\"CandidatesRequest\":" REQUIRING("\"num_sampled\"",
                                       "\"num_sampled\":" INT ",\"unique\":" FLAG
                                       ",\"true\":{\"type\":\"array\"},\"seed\":" INT),
    "\"Candidates\":" OBJECT("\"model\":" TEXT ",\"version\":" TEXT ",\"num_sampled\":" INT
                             ",\"unique\":" FLAG ",\"seed\":" INT ",\"num_tries\":" INT
                             ",\"sampled\":" LIST(INT) ",\"expected\":" LIST(
                                 REAL) ",\"true\":{\"type\":\"array\"},\"accidental_hits\":"
                                       "{\"type\":\"array\"}"),
    "\"EmbeddingsRequest\":" REQUIRING("\"model\",\"input\"",
                                       "\"model\":" TEXT ",\"input\":{\"oneOf\":[" TEXT
                                       "," LIST(TEXT) "]},\"encoding_format\":" CHOICE(
                                           "\"float\",\"base64\"") ",\"dimensions\":" INT
                                                                   ",\"user\":" TEXT),
    "\"Embeddings\":" OBJECT("\"object\":{\"const\":\"list\"},\"data\":" LIST(
        OBJECT("\"object\":{\"const\":\"embedding\"},\"index\":" INT
               ",\"embedding\":{\"type\":[\"array\",\"string\"]}")) ",\"model\":" TEXT
                                                                    ",\"usage\":" OBJECT(
                                                                        "\"prompt_tokens\":" INT
                                                                        ",\"total_tokens\":" INT)),
    "\"Health\":" OBJECT("\"status\":" TEXT ",\"version\":" TEXT),
    "\"Readiness\":" OBJECT("\"status\":" CHOICE("\"ready\",\"unavailable\"") ",\"reasons\":" LIST(
        TEXT) ",\"warnings\":" LIST(TEXT)),
    "\"SettingList\":" OBJECT("\"settings\":" LIST(
        REQUIRING("\"name\",\"type\",\"default\"",
                  "\"name\":" TEXT ",\"scope\":" CHOICE(
                      "\"job\",\"server\"") ",\"type\":" TEXT ",\"default\":{},\"value\":{},"
                                            "\"minimum\":" REAL ",\"maximum\":" REAL
                                            ",\"enum\":" LIST(TEXT) ",\"description\":" TEXT))),
    NULL,
};

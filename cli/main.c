/* SPDX-License-Identifier: Apache-2.0 */
/* The command: a table of verbs. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"
#include "options.h"
#include "out.h"
#include "text.h"

#define SOURCE_TEXT                                                                                \
    "SOURCE is a file, a directory (recursive; image extensions), a URL (http, https), "           \
    "@list.txt\n"                                                                                  \
    "or - for stdin (one name a line). It is read as a stream: a pipe that stays open is fine.\n"

const struct cli_verb cli_verbs[] = {
    {"ingest", VERB_INGEST, "SOURCE... --into STORE [OPTION]...",
     "images -> embeddings -> collection; resumes by itself",
     "Embeds every picture and stores the vectors. What is stored and unchanged is skipped, so "
     "the\n"
     "same command after an interruption finishes the rest. Bad pictures are recorded with their\n"
     "reason and never stop the run.\n\n" SOURCE_TEXT,
     "  millrace ingest photos --into photos.mill\n"
     "  millrace ingest @list.txt --into photos.mill --error-budget 5%\n"
     "  millrace ingest photos --into milvus://localhost:19530 --collection photos\n"
     "  find . -name '*.jpg' -print0 | millrace ingest - -0 --into photos.mill --json\n",
     cli_ingest},
    {"insert", VERB_INGEST | VERB_INSERT,
     "INPUT... --into STORE [--ids ID...] [--metadata FILE.json] [OPTION]...",
     "ingest of files with ids and metadata of their own",
     "Input, id and entry of the metadata list with the same number are one item; there must be "
     "as\n"
     "many of each. Without both it is an ingest.\n",
     "  millrace insert a.jpg b.jpg --ids cat dog --into photos.mill\n"
     "  millrace insert a.jpg b.jpg --metadata list.json --into photos.mill --ids cat dog\n",
     cli_insert},
    {"embed", VERB_EMBED, "SOURCE... --out FILE.npy [OPTION]...", "images -> embeddings in a file",
     "Writes float32 [N,D], L2-normalised, and FILE.npy.ids.jsonl with one line a row.\n"
     "\n" SOURCE_TEXT,
     "  millrace embed photos --out photos.npy\n"
     "  millrace embed @list.txt --out photos.npy --plan openai/clip-vit-base-patch32@openclip\n"
     "  millrace embed photos --out photos.npy --embed onnx:clip-visual.onnx \\\n"
     "      --plan openai/clip-vit-base-patch32@openclip\n",
     cli_embed},
    {"preprocess", VERB_PREPROCESS, "SOURCE... --out FILE.npy [OPTION]...",
     "images -> tensors in a file",
     "Writes the tensors that a model gets, [N,C,H,W] or as the plan says, and\n"
     "FILE.npy.ids.jsonl with one line a row. --out null: only measures.\n"
     "\n" SOURCE_TEXT,
     "  millrace preprocess photos --plan openai/clip-vit-base-patch32@openclip --out clip.npy\n"
     "  millrace preprocess photos --out null: --json\n",
     cli_preprocess},
    {"search", VERB_SEARCH,
     "[STORE] (QUERY | --image FILE | --id ID | --vector FILE.npy) [OPTION]...", "nearest pictures",
     "A picture is preprocessed and embedded the way that the collection remembers. QUERY is a\n"
     "picture, a URL, or vectors if its name ends in .npy. docs/filters.md says what a filter can\n"
     "be.\n",
     "  millrace search photos.mill --image query.jpg -k 5\n"
     "  millrace search photos.mill query.jpg --filter 'metadata[\"label\"] == \"cat\"'\n"
     "  millrace search photos.mill --id photos/a.jpg --json\n"
     "  millrace search photos.mill --vector queries.npy\n",
     cli_search},
    {"collection", VERB_COLLECTION,
     "list|stats|create|drop|load|release|flush STORE [NAME] [OPTION]...",
     "what a store holds; collections made, dropped, loaded",
     "list: a line for each collection; stats: all that is known of it. create: an empty one, of\n"
     "--dim; the first ingest into it says of which plan and embedder it is. Without NAME and\n"
     "--dim: those that the configuration file declares and the store lacks. drop (or delete):\n"
     "with its rows and its ledger, without asking. load and release: ready to be searched, or\n"
     "not. flush: returns when all is durable.\n",
     "  millrace collection list photos.mill\n"
     "  millrace collection stats photos.mill default --json\n"
     "  millrace collection create photos.mill faces --dim 512 --metric COSINE\n"
     "  millrace collection drop photos.mill faces\n",
     cli_collection},
    {"delete", VERB_DELETE, "STORE (--id ID... | --filter EXPR) [OPTION]...",
     "deletes rows by id or by filter",
     "Rows and what the ledger says of their items go; asks nothing, says how many are gone. An\n"
     "id that is not there is no error. docs/filters.md says what EXPR can be.\n",
     "  millrace delete photos.mill --id photos/a.jpg photos/b.jpg\n"
     "  millrace delete photos.mill --filter 'metadata[\"year\"] < 2015' --json\n",
     cli_delete},
    {"report", VERB_REPORT, "STORE [OPTION]...", "what happened to every item",
     "Items in the order in which they were recorded.\n",
     "  millrace report photos.mill --failed\n"
     "  millrace report photos.mill --json | jq -r .code | sort | uniq -c\n",
     cli_report},
    {"plan", VERB_PLAN, "[NAME|FILE] [OPTION]...", "list presets; print one resolved plan",
     "Without a name: the presets. With one: the plan as canonical text, of which the fingerprint\n"
     "is the hash. The text is a file that --plan takes back.\n",
     "  millrace plan\n"
     "  millrace plan openai/clip-vit-base-patch32@openclip > clip.plan\n"
     "  millrace plan letterbox:640x640 --json\n",
     cli_plan},
    {"doctor", VERB_DOCTOR, "[OPTION]...", "is this machine fit: sandbox, CPU, libraries",
     "Starts a worker and asks it. Exit status 3 if something is missing.\n",
     "  millrace doctor\n"
     "  millrace doctor --json\n",
     cli_doctor},
    {"health", VERB_HEALTH, "[STORE] [OPTION]...",
     "are workers, embedder and store there, and how fast do they answer",
     "Starts a worker, sends an empty picture through the embedder's model (of --embed, else of\n"
     "the configuration, else of the collection) and asks the store. Exit status 3 if one is\n"
     "down. A model is asked with the plan that a run would have; where nothing names one, with\n"
     "original/masked-stretch.\n",
     "  millrace health photos.mill\n"
     "  millrace health --config millrace.yaml --json\n"
     "  millrace health --embed triton:http://localhost:8000/clip \\\n"
     "    --plan openai/clip-vit-base-patch32@openclip\n",
     cli_health},
    {"verify", VERB_VERIFY, "--plan NAME FILE... [OPTION]...",
     "compares with the reference library, stage by stage",
     "Each picture goes through Pillow (torchvision or JAX, if the plan is theirs) and through\n"
     "millrace: decode, mode, resize, crop, tensor. The first stage that differs is shown, with\n"
     "the largest and the mean difference and the PSNR; the exit status is then 1. A plan that is\n"
     "not exact may differ by what it says (millrace plan NAME --json, max_error).\n",
     "  millrace verify --plan openai/clip-vit-base-patch32@openclip photos/*.jpg\n"
     "  millrace verify --plan my.plan --python venv/bin/python a.png --json\n",
     cli_verify},
    {"bench", VERB_BENCH, "[SOURCE]... [OPTION]...", "measures the stages on this machine",
     "Measures with the given pictures: the time from process start to the first batch, each "
     "stage,\n"
     "a whole ingest into a temporary store, and searches in it. Without SOURCE: "
     "build/corpus.\n\n" SOURCE_TEXT,
     "  millrace bench photos\n"
     "  millrace bench photos --workers 2 --json\n",
     cli_bench},
    {"config", VERB_CONFIG, "check|print|init [--config FILE] [OPTION]...",
     "the configuration file: is it right, what holds, a new one",
     "check: FILE: ok, or every mistake as FILE:LINE: ... on standard error. print: the values\n"
     "that hold, from options, environment, FILE and defaults, as a file. init: a file with all\n"
     "defaults, explained, into FILE if it is not there yet, else to standard output.\n"
     "Takes every option that a file can have.\n",
     "  millrace config init --config millrace.yaml\n"
     "  millrace config check --config millrace.yaml\n"
     "  millrace config print --config millrace.yaml --batch 64\n",
     cli_config},
};
const size_t cli_n_verbs = sizeof cli_verbs / sizeof cli_verbs[0];

static const struct cli_verb *find_verb(const char *name)
{
    size_t i;

    for (i = 0; i < cli_n_verbs; i++)
        if (strcmp(cli_verbs[i].name, name) == 0)
            return &cli_verbs[i];
    return NULL;
}

static int unknown_verb(const char *name)
{
    struct cli_nearest nearest = {.typed = name};
    char shown[128];
    size_t i;

    cli_text_escape(shown, sizeof shown, name);
    for (i = 0; i < cli_n_verbs; i++)
        cli_nearest_offer(&nearest, cli_verbs[i].name);
    if (nearest.best)
        return cli_usage(NULL, "unknown verb %s; did you mean %s?", shown, nearest.best);
    return cli_usage(NULL, "unknown verb %s", shown);
}

static int help(int argc, char **argv)
{
    const struct cli_verb *verb;

    if (argc == 0) {
        cli_help();
        return cli_out_finish(NULL, CLI_OK);
    }
    verb = find_verb(argv[0]);
    if (!verb)
        return unknown_verb(argv[0]);
    cli_help_verb(verb);
    return cli_out_finish(verb, CLI_OK);
}

static int run_verb(const struct cli_verb *verb, int argc, char **argv)
{
    struct cli_args args;
    int status = cli_args_parse(&args, verb, argc, argv);

    if (status == CLI_OK && cli_given(&args, OPT_HELP)) {
        cli_help_verb(verb);
        status = cli_out_finish(verb, CLI_OK);
    } else if (status == CLI_OK) {
        cli_console_open(&args);
        /* the library reads it where it loads ONNX Runtime; no other thread is there yet */
        if (cli_given(&args, OPT_ONNXRUNTIME))
            (void)setenv("MILLRACE_ONNXRUNTIME", cli_text(&args, OPT_ONNXRUNTIME), 1);
        status = verb->run(&args);
    }
    cli_args_fini(&args);
    return status;
}

/*
 * A standard descriptor that the caller closed would be given to the next file that is opened, a
 * store for instance, and results would be written into it. /dev/null the wrong way round takes its
 * place: reading or writing is then an error, as it should be.
 */
static bool occupy_standard_descriptors(void)
{
    int fd;

    for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return false;
    return true;
}

/* `--config FILE VERB` -> `VERB --config FILE`: both places are usual. */
static void config_first(int argc, char **argv)
{
    char *option = argv[1], *file = argc > 2 ? argv[2] : NULL;

    if (strcmp(option, "--config") == 0 && argc > 3) {
        argv[1] = argv[3];
        argv[2] = option;
        argv[3] = file;
    } else if (strncmp(option, "--config=", 9) == 0 && argc > 2) {
        argv[1] = argv[2];
        argv[2] = option;
    }
}

int main(int argc, char **argv)
{
    const struct cli_verb *verb;

    if (!occupy_standard_descriptors())
        return CLI_ENVIRONMENT;
    /* a reader that leaves is an error of write(), which is handled where it happens */
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        (void)cli_usage(NULL, "no verb");
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("millrace %s\n", mr_version());
        return cli_out_finish(NULL, CLI_OK);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0)
        return help(argc - 2, argv + 2);
    config_first(argc, argv);
    if (argv[1][0] == '-')
        return cli_usage(NULL, "unknown option %.40s before the verb", argv[1]);
    verb = find_verb(argv[1]);
    return verb ? run_verb(verb, argc - 2, argv + 2) : unknown_verb(argv[1]);
}

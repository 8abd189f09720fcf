/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder: one codec of each format, kept warm, and the picture in progress. */
#include <stdlib.h>

#include "decode/codec.h"
#include "decode/warm.h"

static const mr__decode_ops *const registry[] = {
    &mr__decode_jpeg,
    &mr__decode_png,
    &mr__decode_webp,
    NULL,
};

#define N_FORMATS (sizeof(registry) / sizeof(registry[0]) - 1)

struct mr__decoder {
    mr__codec *codecs[N_FORMATS];
    mr__codec *active; /* the codec of the picture in progress, or NULL */
    mr__decode_job job;
    mr__scratch scratch;
    mr__jpeg_choice jpeg;
    mr__decode_counts counts;
};

const mr__decode_ops *const *mr__decode_registry(void)
{
    return registry;
}

mr_status mr__decoder_open(const mr__decode_options *options, mr__decoder **out, mr_error *err)
{
    mr__decoder *decoder = calloc(1, sizeof(*decoder));
    mr_status st = MR_OK;

    *out = NULL;
    if (decoder == NULL)
        return mr__error_no_memory(err, "decoder");
    decoder->jpeg = options->jpeg;
    for (size_t i = 0; i < N_FORMATS && st == MR_OK; i++)
        st = registry[i]->open(options, &decoder->codecs[i], err);
    if (st != MR_OK) {
        mr__decoder_close(&decoder);
        return st;
    }
    *out = decoder;
    return MR_OK;
}

void mr__decoder_close(mr__decoder **decoder)
{
    mr__decoder *d = *decoder;

    if (d == NULL)
        return;
    mr__decoder_abort(d);
    for (size_t i = 0; i < N_FORMATS; i++)
        if (d->codecs[i] != NULL)
            d->codecs[i]->ops->close(d->codecs[i]);
    mr__scratch_fini(&d->scratch);
    free(d);
    *decoder = NULL;
}

static mr__codec *codec_of(mr__decoder *decoder, mr__format format)
{
    for (size_t i = 0; i < N_FORMATS; i++)
        if (decoder->codecs[i]->ops->format == format)
            return decoder->codecs[i];
    return NULL;
}

static bool region_ok(const mr__picture *picture, const mr__region *r)
{
    if (r->halved > (picture->format == MR__FORMAT_JPEG ? MR__HALVED_MAX : 0))
        return false;
    return r->x0 < r->x1 && r->y0 < r->y1 && r->x1 <= mr__halved_side(picture->width, r->halved) &&
           r->y1 <= mr__halved_side(picture->height, r->halved);
}

/* The picture is over, however it went. */
static void become_idle(mr__decoder *decoder)
{
    decoder->active = NULL;
    mr__scratch_trim(&decoder->scratch);
}

mr_status mr__decoder_begin(mr__decoder *decoder, const uint8_t *bytes, size_t n,
                            const mr__picture *picture, const mr__region *region, mr__rows *out,
                            mr_error *err)
{
    mr__codec *codec = codec_of(decoder, picture->format);
    mr_status st;

    mr__decoder_abort(decoder);
    if (codec == NULL)
        return mr__error_set(err, MR_E_INTERNAL, "decode: format %d has no codec",
                             (int)picture->format);
    if (!region_ok(picture, region))
        return mr__error_set(err, MR_E_INTERNAL, "decode: region %u..%u x %u..%u / %u of %ux%u",
                             region->x0, region->x1, region->y0, region->y1, 1u << region->halved,
                             picture->width, picture->height);
    decoder->job = (mr__decode_job){
        .bytes = bytes,
        .n = n,
        .picture = *picture,
        .region = *region,
        .scratch = &decoder->scratch,
        .jpeg = decoder->jpeg,
        .counts = &decoder->counts,
    };
    st = codec->ops->begin(codec, &decoder->job, out, err);
    if (st == MR_OK)
        decoder->active = codec;
    else
        become_idle(decoder);
    return st;
}

mr_status mr__decoder_read(mr__decoder *decoder, mr__strip *out, mr_error *err)
{
    mr_status st;

    if (decoder->active == NULL)
        return mr__error_set(err, MR_E_INTERNAL, "decode: no picture was begun");
    st = decoder->active->ops->read(decoder->active, out, err);
    if (st < 0)
        become_idle(decoder);
    return st;
}

mr_status mr__decoder_finish(mr__decoder *decoder, mr_error *err)
{
    mr_status st;

    if (decoder->active == NULL)
        return mr__error_set(err, MR_E_INTERNAL, "decode: no picture was begun");
    st = decoder->active->ops->finish(decoder->active, err);
    become_idle(decoder);
    return st;
}

void mr__decoder_abort(mr__decoder *decoder)
{
    if (decoder->active != NULL)
        decoder->active->ops->abort(decoder->active);
    become_idle(decoder);
}

/* Every row of one picture. */
static mr_status decode_whole(mr__decoder *decoder, const mr__warm_file *file, mr_error *err)
{
    static const mr__decode_limits limits = {.max_pixels = 1 << 20};
    mr__picture picture;
    mr__region all = {0};
    mr__rows rows;
    mr__strip strip;
    mr_status st;

    st = mr__probe(file->bytes, file->n, &limits, &picture, err);
    if (st != MR_OK)
        return st;
    all.x1 = picture.width;
    all.y1 = picture.height;
    st = mr__decoder_begin(decoder, file->bytes, file->n, &picture, &all, &rows, err);
    while (st == MR_OK)
        st = mr__decoder_read(decoder, &strip, err);
    return st == MR_EOF ? mr__decoder_finish(decoder, err) : st;
}

/* Every picture, with one choice. */
static mr_status decode_all(mr__decoder *decoder, mr__jpeg_choice jpeg, mr_error *err)
{
    size_t n_files;
    const mr__warm_file *files = mr__warm_files(&n_files);
    mr_status st = MR_OK;

    decoder->jpeg = jpeg;
    for (size_t i = 0; i < n_files && st == MR_OK; i++)
        st = decode_whole(decoder, &files[i], err);
    return st;
}

mr_status mr__decoder_warm_up(mr__decoder *decoder, mr_error *err)
{
    const mr__jpeg_choice jpeg = decoder->jpeg;
    const mr__decode_counts counts = decoder->counts;
    /* whatever the choice: any file may come to libjpeg */
    mr_status st = decode_all(decoder, MR__JPEG_LIBJPEG, err);

    if (st == MR_OK)
        st = decode_all(decoder, MR__JPEG_EITHER, err);
    decoder->jpeg = jpeg;
    decoder->counts = counts;
    if (st != MR_OK)
        return mr__error_set(err, MR_E_INTERNAL, "decode: warm-up: %s",
                             err != NULL ? err->message : "failed");
    return MR_OK;
}

mr__decode_counts mr__decoder_counts(const mr__decoder *decoder)
{
    return decoder->counts;
}

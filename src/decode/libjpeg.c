/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JPEG by libjpeg-turbo, with the parameters of Pillow: accurate integer DCT, fancy
 * upsampling, block smoothing, colour by the markers, four channels inverted, warnings ignored.
 *
 * What is truncated: Pillow feeds libjpeg from a source that suspends at the end of the file, and
 * fails when libjpeg asks for more before the last row is out; whether an EOI follows does not
 * matter by itself. (Since the bit reader looks ahead, a scan without any marker behind it nearly
 * always asks; some that lack only the EOI do not.) Here asking at the
 * end of the file is an error at once: the same verdict.
 *
 * Only the rows that are needed are decoded. Below them it is enough that an EOI ends the scan:
 * then libjpeg would never ask for more. Without it the rest is decoded too, to hear the verdict.
 *
 * Pictures whose scans must be gathered are not cropped: their cost is the entropy decoding, and
 * smoothing of incomplete ones looks at neighbours beyond any margin.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>

#include <jpeglib.h>
#include <jerror.h>

#include "base/size.h"
#include "decode/jpeg_header.h"
#include "decode/libjpeg.h"

struct mr__libjpeg {
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    mr_code code; /* of the failure that jumped */
    char reason[JMSG_LENGTH_MAX];
    const mr__decode_job *job; /* NULL when idle */
    mr__rows rows;
    uint8_t *strip;
    size_t stride;
    uint32_t strip_rows;
    uint32_t got; /* rows in the strip, by the last read */
    bool ending;  /* all rows are out: more data are welcome, not needed */
};

static _Noreturn void give_up(mr__libjpeg *codec, mr_code code, const char *reason)
{
    codec->code = code;
    (void)snprintf(codec->reason, sizeof(codec->reason), "%s", reason);
    longjmp(codec->jump, 1);
}

/* --- what libjpeg calls --- */

static void on_error(j_common_ptr cinfo)
{
    mr__libjpeg *codec = cinfo->client_data;

    cinfo->err->format_message(cinfo, codec->reason);
    switch (cinfo->err->msg_code) {
    case JERR_OUT_OF_MEMORY:
    case JERR_NO_BACKING_STORE:
        codec->code = MR_CODE_OUT_OF_MEMORY;
        break;
    default:
        codec->code = MR_CODE_CORRUPT;
        break;
    }
    longjmp(codec->jump, 1);
}

static void on_message(j_common_ptr cinfo, int level)
{
    if (level < 0)
        cinfo->err->num_warnings++;
}

static void on_output(j_common_ptr cinfo)
{
    (void)cinfo;
}

static void on_source(j_decompress_ptr cinfo)
{
    (void)cinfo;
}

static boolean on_fill(j_decompress_ptr cinfo)
{
    give_up(cinfo->client_data, MR_CODE_TRUNCATED, "the file ends before the picture is complete");
}

static void on_skip(j_decompress_ptr cinfo, long n)
{
    struct jpeg_source_mgr *src = cinfo->src;

    if (n <= 0)
        return;
    if ((size_t)n > src->bytes_in_buffer)
        (void)on_fill(cinfo);
    src->next_input_byte += n;
    src->bytes_in_buffer -= (size_t)n;
}

static void on_progress(j_common_ptr common)
{
    mr__libjpeg *codec = common->client_data;

    /* the header's reader has counted them; this holds if libjpeg should see more than it did */
    if (codec->cinfo.input_scan_number > (int)MR__JPEG_SCANS_MAX)
        give_up(codec, MR_CODE_SUSPICIOUS, "too many scans");
}

/* --- steps that may jump --- */

/* A new object for each picture: aborting one keeps its quantisation and Huffman tables, and a file
 * that lacks its own must not be decoded with those of another. Costs a few small allocations. */
static void step_create(mr__libjpeg *codec)
{
    jpeg_destroy_decompress(&codec->cinfo);
    jpeg_create_decompress(&codec->cinfo);
}

static void set_source(mr__libjpeg *codec)
{
    const mr__decode_job *job = codec->job;
    size_t limit = MR__DECODE_STANDING_BYTES;

    codec->source.next_input_byte = job->bytes;
    codec->source.bytes_in_buffer = job->n;
    codec->cinfo.src = &codec->source;
    codec->cinfo.progress = &codec->progress;
    if (!mr__size_add(&limit, limit, job->picture.decode_bytes) || limit > (size_t)LONG_MAX)
        limit = (size_t)LONG_MAX;
    codec->cinfo.mem->max_memory_to_use = (long)limit;
}

static void check_header(mr__libjpeg *codec)
{
    const struct jpeg_decompress_struct *cinfo = &codec->cinfo;
    const mr__picture *pic = &codec->job->picture;
    int components = pic->mode == MR__MODE_L ? 1 : pic->mode == MR__MODE_RGB ? 3 : 4;

    if (cinfo->image_width != pic->width || cinfo->image_height != pic->height ||
        cinfo->num_components != components || cinfo->data_precision != 8 || cinfo->arith_code)
        give_up(codec, MR_CODE_CORRUPT, "contradictory headers");
    if (!pic->progressive && jpeg_has_multiple_scans(&codec->cinfo))
        give_up(codec, MR_CODE_CORRUPT, "contradictory scans");
}

/* Columns: one iMCU more on either side than is needed, since upsampling looks at neighbours. */
static void crop(mr__libjpeg *codec)
{
    const mr__region *region = &codec->job->region;
    struct jpeg_decompress_struct *cinfo = &codec->cinfo;
    JDIMENSION margin = (JDIMENSION)cinfo->max_h_samp_factor * DCTSIZE;
    JDIMENSION x0 = region->x0 > margin ? region->x0 - margin : 0;
    JDIMENSION x1 =
        region->x1 + margin < cinfo->output_width ? region->x1 + margin : cinfo->output_width;
    JDIMENSION width = x1 - x0;

    if (width == cinfo->output_width)
        return;
    jpeg_crop_scanline(cinfo, &x0, &width);
    codec->rows.x0 = x0;
    codec->rows.width = width;
}

static void step_start(mr__libjpeg *codec)
{
    struct jpeg_decompress_struct *cinfo = &codec->cinfo;
    const mr__decode_job *job = codec->job;

    set_source(codec);
    (void)jpeg_read_header(cinfo, TRUE);
    check_header(codec);
    cinfo->out_color_space = job->picture.mode == MR__MODE_L     ? JCS_GRAYSCALE
                             : job->picture.mode == MR__MODE_RGB ? JCS_RGB
                                                                 : JCS_CMYK;
    cinfo->scale_num = 1;
    cinfo->scale_denom = 1u << job->region.halved;
    cinfo->dct_method = JDCT_ISLOW;
    cinfo->do_fancy_upsampling = TRUE;
    cinfo->do_block_smoothing = TRUE;
    (void)jpeg_start_decompress(cinfo);
    if (cinfo->output_width != mr__halved_side(job->picture.width, job->region.halved) ||
        cinfo->output_height != mr__halved_side(job->picture.height, job->region.halved) ||
        cinfo->output_components != (int)codec->rows.pixel_bytes)
        give_up(codec, MR_CODE_CORRUPT, "contradictory headers");
    if (!job->picture.progressive)
        crop(codec);
    codec->stride = (size_t)codec->rows.width * codec->rows.pixel_bytes;
    codec->strip_rows = mr__strip_rows(codec->stride);
    codec->strip = mr__scratch_need(job->scratch, codec->stride * codec->strip_rows);
    if (codec->strip == NULL)
        give_up(codec, MR_CODE_OUT_OF_MEMORY, "no memory for a strip of rows");
}

/* Fills the strip with the next rows, up to row `end`. */
static void read_strip(mr__libjpeg *codec, uint32_t end)
{
    JSAMPROW lines[MR__STRIP_ROWS];
    uint32_t want = end - codec->cinfo.output_scanline;

    if (want > codec->strip_rows)
        want = codec->strip_rows;
    for (uint32_t i = 0; i < want; i++)
        lines[i] = codec->strip + i * codec->stride;
    codec->got = 0;
    while (codec->got < want) {
        uint32_t n = jpeg_read_scanlines(&codec->cinfo, lines + codec->got, want - codec->got);

        if (n == 0)
            give_up(codec, MR_CODE_CORRUPT, "the decoder made no progress");
        codec->got += n;
    }
}

static void step_skip(mr__libjpeg *codec)
{
    struct jpeg_decompress_struct *cinfo = &codec->cinfo;
    uint32_t y0 = codec->rows.y0;
    /* libjpeg takes skipping all rows for the end of the file, whether it is there or not */
    uint32_t skip = y0 < cinfo->output_height ? y0 : y0 - 1;

    if (!codec->job->picture.progressive && skip > 0)
        (void)jpeg_skip_scanlines(cinfo, skip);
    while (cinfo->output_scanline < y0)
        read_strip(codec, y0);
}

static void step_read(mr__libjpeg *codec)
{
    read_strip(codec, codec->rows.y1);
    if (codec->job->picture.mode == MR__MODE_CMYK) {
        size_t n = codec->stride * codec->got;

        for (size_t i = 0; i < n; i++)
            codec->strip[i] = (uint8_t)(255 - codec->strip[i]);
    }
}

static void step_finish(mr__libjpeg *codec)
{
    struct jpeg_decompress_struct *cinfo = &codec->cinfo;

    if (codec->job->picture.progressive || cinfo->unread_marker == JPEG_EOI ||
        (cinfo->unread_marker == 0 &&
         mr__jpeg_ends(codec->source.next_input_byte, codec->source.bytes_in_buffer)))
        return;
    while (cinfo->output_scanline < cinfo->output_height)
        read_strip(codec, cinfo->output_height);
    /* as Pillow: markers up to the EOI must be valid, but may be missing */
    codec->ending = true;
    (void)jpeg_finish_decompress(cinfo);
}

/* Runs a step; the only setjmp, so that no local variable lives across a jump. */
static bool guarded(mr__libjpeg *codec, void (*step)(mr__libjpeg *))
{
    if (setjmp(codec->jump) != 0)
        return false;
    step(codec);
    return true;
}

static mr_status run(mr__libjpeg *codec, void (*step)(mr__libjpeg *), mr_error *err)
{
    if (guarded(codec, step) || (codec->ending && codec->code == MR_CODE_TRUNCATED))
        return MR_OK;
    return mr__error_item(err, MR_STAGE_DECODE, codec->code, "JPEG: %s", codec->reason);
}

/* --- what libjpeg.h offers --- */

mr__libjpeg *mr__libjpeg_open(void)
{
    mr__libjpeg *codec = calloc(1, sizeof(*codec));

    if (codec == NULL)
        return NULL;
    codec->cinfo.err = jpeg_std_error(&codec->errors);
    codec->cinfo.client_data = codec;
    codec->errors.error_exit = on_error;
    codec->errors.emit_message = on_message;
    codec->errors.output_message = on_output;
    codec->source = (struct jpeg_source_mgr){
        .init_source = on_source,
        .fill_input_buffer = on_fill,
        .skip_input_data = on_skip,
        .resync_to_restart = jpeg_resync_to_restart,
        .term_source = on_source,
    };
    codec->progress.progress_monitor = on_progress;
    return codec;
}

void mr__libjpeg_close(mr__libjpeg **libjpeg)
{
    if (*libjpeg == NULL)
        return;
    jpeg_destroy_decompress(&(*libjpeg)->cinfo);
    free(*libjpeg);
    *libjpeg = NULL;
}

void mr__libjpeg_abort(mr__libjpeg *codec)
{
    if (codec->job != NULL)
        jpeg_abort_decompress(&codec->cinfo);
    codec->job = NULL;
}

mr_status mr__libjpeg_begin(mr__libjpeg *codec, const mr__decode_job *job, uint32_t y0,
                            mr__rows *out, mr_error *err)
{
    mr_status st;

    codec->job = job;
    codec->rows = (mr__rows){
        .width = mr__halved_side(job->picture.width, job->region.halved),
        .y0 = y0,
        .y1 = job->region.y1,
        .pixel_bytes = mr__mode_bytes(job->picture.mode),
    };
    codec->ending = false;
    st = run(codec, step_create, err);
    if (st == MR_OK)
        st = run(codec, step_start, err);
    if (st == MR_OK)
        st = run(codec, step_skip, err);
    if (st != MR_OK) {
        mr__libjpeg_abort(codec);
        return st;
    }
    *out = codec->rows;
    return MR_OK;
}

mr_status mr__libjpeg_read(mr__libjpeg *codec, mr__strip *out, mr_error *err)
{
    mr_status st;

    if (codec->cinfo.output_scanline >= codec->rows.y1)
        return MR_EOF;
    st = run(codec, step_read, err);
    if (st != MR_OK) {
        mr__libjpeg_abort(codec);
        return st;
    }
    *out = (mr__strip){.planes = {codec->strip}, .stride = codec->stride, .n_rows = codec->got};
    return MR_OK;
}

mr_status mr__libjpeg_finish(mr__libjpeg *codec, mr_error *err)
{
    mr_status st = run(codec, step_finish, err);

    mr__libjpeg_abort(codec);
    return st;
}

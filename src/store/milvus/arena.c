/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of answers. A message of a few bytes can ask for a great many structs, so what unpacking
 * may take is a budget in proportion to what was received, and it is given back as one.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/size.h"
#include "store/milvus/client.h"

#define BLOCK_BYTES ((size_t)64 << 10)
#define LEAST       ((size_t)1 << 20)
#define FACTOR      24u /* a row of an id, a score and a JSON text takes some ten times its bytes */
#define ALIGN       16u

typedef struct mr__mv_block {
    struct mr__mv_block *next;
    size_t used, size;
    unsigned char bytes[];
} mr__mv_block;

void mr__mv_arena_init(mr__mv_arena *arena, size_t budget)
{
    *arena = (mr__mv_arena){.left = budget};
}

void mr__mv_arena_fini(mr__mv_arena *arena)
{
    while (arena->blocks) {
        mr__mv_block *next = arena->blocks->next;

        free(arena->blocks);
        arena->blocks = next;
    }
}

static mr__mv_block *grow(mr__mv_arena *arena, size_t n)
{
    size_t size = n > BLOCK_BYTES ? n : BLOCK_BYTES, all;
    mr__mv_block *block;

    if (!mr__size_add(&all, size, sizeof *block + ALIGN) || all > arena->left)
        return NULL;
    block = malloc(all);
    if (!block)
        return NULL;
    arena->left -= all;
    *block = (mr__mv_block){.next = arena->blocks, .size = size + ALIGN};
    block->used = (ALIGN - (uintptr_t)block->bytes % ALIGN) % ALIGN;
    arena->blocks = block;
    return block;
}

static void *arena_alloc(void *cookie, size_t n)
{
    mr__mv_arena *arena = cookie;
    mr__mv_block *block = arena->blocks;
    void *out;

    if (!mr__size_align(&n, n ? n : 1, ALIGN))
        return NULL;
    if (!block || block->size - block->used < n)
        block = grow(arena, n);
    if (!block)
        return NULL;
    out = block->bytes + block->used;
    block->used += n;
    return out;
}

static void arena_free(void *cookie, void *memory)
{
    (void)cookie;
    (void)memory;
}

void *mr__mv_unpack(mr__mv_arena *arena, const ProtobufCMessageDescriptor *type,
                    const uint8_t *data, size_t size)
{
    static const uint8_t nothing[1];
    ProtobufCAllocator allocator = {
        .alloc = arena_alloc, .free = arena_free, .allocator_data = arena};
    size_t budget;

    if (!mr__size_mul(&budget, size, FACTOR) || !mr__size_add(&budget, budget, LEAST))
        return NULL;
    mr__mv_arena_init(arena, budget);
    return protobuf_c_message_unpack(type, &allocator, size, data ? data : nothing);
}

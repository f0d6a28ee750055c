/* Read tests/oracle/oracle_block.c first: it is this step in its simple version, double precision
 * and plain loops. kernel/train_step.h states the mathematics and its symbols. This file is the
 * step from beginning to end; it is compiled once for each instruction set (kernel_*.c).
 *
 * The step is three products of matrices, X the input vectors of the 16 centres, O output rows, G
 * gradients:
 *
 *   scores    S = O X^T       one for each output row and centre
 *   inputs    X += G^T O      the step of a centre sums over output rows
 *   outputs   O += G X        the step of an output row sums over centres
 *
 * Each is done twice: with the noise words for O, where every centre meets every row, and with the
 * contexts, where a centre meets its neighbours only. Those cells lie in a band around the
 * diagonal. A block inside a sentence, with window 2 and vectors of 8 lanes, has this band. A
 * column is a centre, a row is a context; both are words of the text in their order.
 *
 *   #   a pair: the row is a context word of the centre
 *   o   the centre's own word, no pair
 *   .   a cell that is computed with its neighbours; its gradient is set to zero
 *
 *  context   centres 0 to 15, two of them a group
 *    row
 *        0   # .  . .
 *        1   # #  . .
 *        2   o #  # .
 *        3   # o  # #
 *
 *        4   # #  o #  # .  . .
 *        5   . #  # o  # #  . .
 *        6   . .  # #  o #  # .
 *        7   . .  . #  # o  # #
 *
 *        8             # #  o #  # .  . .
 *        9             . #  # o  # #  . .
 *       10             . .  # #  o #  # .
 *       11             . .  . #  # o  # #
 *
 *       12                       # #  o #  # .  . .
 *       13                       . #  # o  # #  . .
 *       14                       . .  # #  o #  # .
 *       15                       . .  . #  # o  # #
 *
 *       16                                 # #  o #
 *       17                                 . #  # o
 *       18                                 . .  # #
 *       19                                 . .  . #
 *
 * Each two columns, a group, by four rows, a quad, are one vector of 8 cells.
 *
 * Words
 *
 *   lane        one 32-bit element of a vector register; WIDTH of them make a vector
 *   four        four neighbouring lanes of a vector
 *   row         a row of a table, or of a list of output rows: the noise words, or the contexts
 *   quad        four neighbouring rows of such a list, number row / 4
 *   group       the centres (GROUP = WIDTH / 4) whose cells by a quad fill one vector
 *   cell        one output row by one centre, and what is kept for it: a score, a gradient
 *   pair        a centre and one of its positives
 *   band        the cells of all pairs, and the cells between them
 *   run         centres of the block that are neighbours in the text
 *   whole       a block that is one run of 16 centres, of which no window is cut by a separator
 *
 * and, as in BLIS, for products of matrices:
 *
 *   operand       a matrix in the form that products take; its lanes are one or two numbers deep
 *                 (DEPTH, see block_product.h)
 *   packing       copying rows into an operand
 *   micro-panel   a packed operand that a micro-kernel reads from front to back
 *   register tile   a small matrix of sums that stays in registers while a micro-kernel runs
 *   micro-kernel  the innermost loop: it adds the products of one register tile
 *   strip         the vectors of a row, or the groups, that one register tile covers
 *
 * The files, in the order of the step:
 *
 *   block_product.h     how deep a lane is, multiply and add
 *   block_layout.h      scratch memory, the block, tables of cells
 *   block_operands.h    packing
 *   block_open.h        windows, runs, pairs
 *   block_tiles.h       register tiles of a constant size
 *   block_scores.h      the micro-kernel of scores
 *   block_steps.h       the micro-kernel of steps
 *   block_rows.h        whole rows: fetched ahead, shared with other threads
 *   block_positives.h   the band
 *   block_noise.h       the noise words
 *   block_inputs.h      the steps of the inputs
 *   block_clip.h        update clipping
 *   block_weights.h     the weights of the centres
 *   block_cbow.h        CBOW
 *   block_loss.h        softmax, accidental hits, the value of the loss
 *   block_pairs.h       word2vec's own rule, another step */
#ifndef VECMILL_KERNEL_BLOCK_STEP_H
#define VECMILL_KERNEL_BLOCK_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/block/block_cbow.h"
#include "kernel/block/block_clip.h"
#include "kernel/block/block_inputs.h"
#include "kernel/block/block_layout.h"
#include "kernel/block/block_loss.h"
#include "kernel/block/block_noise.h"
#include "kernel/block/block_open.h"
#include "kernel/block/block_operands.h"
#include "kernel/block/block_pairs.h"
#include "kernel/block/block_positives.h"
#include "kernel/block/block_rows.h"
#include "kernel/block/block_weights.h"
#include "kernel/train_step.h"

/* The gradients of the positives are known; band_gradients has rounded its own. */
static void block_finish_positives(struct block *b) {
    if (b->repeated)
        block_discount_positives(b);
    if (b->repeated || b->step->cbow || LOSS_BY_CENTRE(b->step->loss_kind))
        block_round_positives(b);
}

static void block_noise(struct block *b, struct kernel_loss *loss) {
    bool by_centre = LOSS_BY_CENTRE(b->step->loss_kind);
    block_score_noise(b);
    if (by_centre) {
        block_softmax(b);
        block_finish_positives(b);
    }
    if (loss && !by_centre)
        block_add_noise_loss(b, loss);
    if (b->step->remove_hits && !by_centre)
        block_remove_hits(b);
    if (b->step->clip)
        block_clip_noise(b);
    else
        block_round_gradients(b);
}

static void block_step(const struct kernel_step *step, struct kernel_workspace *ws,
                       const struct kernel_chunk *chunk, uint32_t first, uint32_t n,
                       uint32_t window, const struct kernel_noise *noise,
                       const struct kernel_noise *next, struct kernel_loss *loss) {
    if (!ws->ready)
        workspace_lay_out(step, (char *)ws, ws);
    struct block b;
    b.step = step, b.ws = ws, b.chunk = chunk, b.noise = noise, b.next = next;
    b.n = n, b.window = window, b.at = chunk->centres + first, b.repeated = false;
    b.want_logits = loss || step->remove_hits || LOSS_BY_CENTRE(step->loss_kind);
    block_open(&b);
    block_weigh(&b);
    if (step->cbow)
        block_means(&b);
    block_pack_inputs(&b);
    step->cbow ? block_score_centres(&b) : block_score_positives(&b);
    if (LOSS_BY_CELL(step->loss_kind))
        block_finish_positives(&b);
    block_noise(&b, loss);
    if (loss)
        block_add_loss(&b, loss);
    if (step->clip)
        block_clip_inputs(&b);
    if (loss)
        block_count_clipped(&b, loss);
    block_update_inputs(&b); /* first: sums over output rows, which DEPTH 1 has no copies of */
    block_update_noise(&b);
    block_update_contexts(&b);
    if (step->cbow)
        block_spread_inputs(&b);
}

#endif

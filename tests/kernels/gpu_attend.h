#pragma once

#include "lib/kernel.h"
#include "tests/kernels/attend_case.h"
#include "tests/kernels/judged_run.h"

#include <functional>
#include <memory>
#include <span>
#include <string_view>

namespace ringfold::testing {

// What every attention kernel on a GPU must keep to, through host memory where a kernel is asked for: it is staged.

/// The table's kernel on host memory; null, and the test is skipped, where it cannot run.
std::unique_ptr<Kernel> staged_or_skip(std::string_view id);

inline constexpr Mask kMasks[] = {{MaskKind::causal, 0}, {MaskKind::full, 0}, {MaskKind::window, 37}};

/// Against the reference kernel, twice with the same bits. Weights have 16 bits, and O may: within a few steps of the
/// longest V, which a row of the wrong keys may pass; the LSE, in fp32, tells.
void check_16_bits(Kernel& kernel, const AttendCase& input, Plan plan = Plan::at_once);

using CheckCase = std::function<void(const AttendCase&)>;
/// Masks, 16-bit dtypes, groups and layouts, for each head dim.
void check_masks_and_dtypes(std::span<const int64_t> dims, const CheckCase& check);
/// A batch of all lengths, in pieces with gaps, with rows that see nothing.
AttendCase ragged_case(const Mask& mask);
/// Lengths that divide nothing.
void check_lengths(const CheckCase& check);

struct SharedKeys {
  int64_t shards = 1;
  Folding folding = Folding::in_kernel;
};
/// Every kind of input, by the criterion.
void check_inputs(Kernel& kernel, std::span<const SharedKeys> shards);

/// Few queries of a sequence each, as in decoding, against many keys in pieces: masks, groups, dtypes, dims, softcaps,
/// pages of any size.
void check_few_queries(const CheckCase& check);
/// Many queries against keys in pages of any size.
void check_pages(const CheckCase& check);
/// Rotated and capped, in pages, by the criterion.
void check_variants(Kernel& kernel, bool with_softcap);

/// A recorded program makes the same bits as one that is enqueued, finished at once or not; skipped without a GPU.
void check_recorded(std::string_view id);

}  // namespace ringfold::testing

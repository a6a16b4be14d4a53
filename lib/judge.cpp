#include "lib/judge.h"

#include "lib/dtype.h"
#include "lib/error.h"
#include "lib/random_bits.h"
#include "lib/reference.h"

#include <algorithm>
#include <cmath>

namespace ringfold {

namespace {

/// Multiply-adds that the reference does in a second: a round number on the low side for one core. Not measured,
/// so that every process and every run checks the same rows.
constexpr double kNominalRate = 2e9;
constexpr int64_t kBlockTokens = 256;  // checked tokens in a group of the rms rule

double work_of(const Problem& problem, const TokenSet& tokens) {
  const auto pairs = static_cast<double>(visible_pairs(problem.mask, tokens, kv_set(problem)));
  const double projected =
      problem.layer ? static_cast<double>(tokens.size()) * static_cast<double>(problem.layer->hidden) : 0;
  return (2 * pairs + projected) * static_cast<double>(problem.heads.query * problem.heads.dim);
}

/// What is done whichever rows are checked: under a layer K and V of all tokens are projected.
double work_of_keys(const Problem& problem) {
  if (!problem.layer) return 0;
  return 2 * static_cast<double>(problem.kv_tokens() * problem.heads.kv * problem.heads.dim) *
         static_cast<double>(problem.layer->hidden);
}

/// Tokens drawn by the hash of where they stand, each with probability `share`.
TokenSet sample(const Problem& problem, double share) {
  std::vector<TokenRange> drawn;
  const TokenSet queries = query_set(problem);
  for (const TokenRange& range : queries.ranges()) {
    const uint64_t key = element_bits(mix_bits(static_cast<uint64_t>(range.end)), range.sequence);
    for (int64_t position = range.begin; position < range.end; ++position) {
      const double uniform = static_cast<double>(element_bits(key, position) >> 11) * 0x1p-53;
      if (uniform < share) drawn.push_back({range.sequence, position, position + 1});
    }
  }
  return TokenSet(std::move(drawn));
}

/// Whether the roundings of many rows add up like random ones: rows whose O is nearly the same, few channels of it, are
/// rounded alike, and where one key takes all, another one's weight is no rounding.
bool has_random_rows(const Problem& problem) {
  const auto dim = static_cast<double>(problem.heads.dim);
  const double scale = std::abs(problem.softmax_scale());
  return scale * dim > 0.99 && scale * std::sqrt(dim) < 64;
}

bool all_finite(const float* values, int64_t count) {
  return std::all_of(values, values + count, [](float value) { return std::isfinite(value); });
}

/// Loads O of one row into `out`, if it is here, and returns the LSE, if it is.
std::optional<float> load_row(const OutputRows& rows, int64_t head, int64_t row, std::vector<float>& out) {
  if (rows.out != nullptr) {
    const int64_t offset = head * rows.out_head_stride + row * rows.out_token_stride;
    load_floats(rows.dtype, static_cast<const std::byte*>(rows.out) + offset * bytes_of(rows.dtype),
                static_cast<int64_t>(out.size()), out.data());
  }
  if (rows.lse == nullptr) return std::nullopt;
  return rows.lse[head * rows.lse_head_stride + row * rows.lse_token_stride];
}

}  // namespace

Judge::Judge(const InputSource& inputs, double reference_seconds, const TokenSet& edges) : inputs_(inputs) {
  const Problem& problem = inputs.problem();
  checked_ = query_set(problem);
  rows_.resize(static_cast<size_t>(problem.heads.query));
  const TokenSet all = checked_;
  if (all.empty()) return;
  // What is known of a sequence's last row is known of all its rows.
  ReferenceRow answer;
  const auto known = [&](const TokenRange& range) {
    return inputs.known_answer({range.sequence, range.end - 1, 0}, answer);
  };
  if (std::all_of(all.ranges().begin(), all.ranges().end(), known)) return;
  // Some rows are checked however long keys take.
  const double given = reference_seconds * kNominalRate;
  const double budget = std::max(given - work_of_keys(problem), given / 10);
  const double work = work_of(problem, all);
  if (work > budget) checked_ = unite(sample(problem, budget / work), intersect(edges, all));
  planned_seconds_ = (work_of_keys(problem) + work_of(problem, checked_)) / kNominalRate;
}

void Judge::prepare(const TokenSet& tokens, const HeadRange& heads) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const TokenSet wanted = intersect(tokens, checked_);
  const int64_t group = inputs_.problem().heads.group();
  for (int64_t head = heads.begin; head < heads.end; ++head) {
    rows_[static_cast<size_t>(head)].resize(static_cast<size_t>(checked_.size()));
  }
  int64_t sequence = -1;
  for (const TokenRange& range : wanted.ranges()) {
    if (range.sequence == sequence) continue;
    sequence = range.sequence;
    const int64_t length = inputs_.problem().sequences[static_cast<size_t>(sequence)].length();
    const TokenSet rows = intersect(wanted, TokenSet::range(sequence, 0, length));
    for (int64_t begin = heads.begin; begin < heads.end;) {
      const int64_t end = std::min(heads.end, (begin / group + 1) * group);
      prepare_head(rows, sequence, {begin, end});
      begin = end;
    }
  }
}

void Judge::prepare_head(const TokenSet& tokens, int64_t sequence, const HeadRange& heads) {
  std::unique_ptr<HeadReference> reference;  // made when the first row needs it
  for (const TokenRange& range : tokens.ranges()) {
    for (int64_t position = range.begin; position < range.end; ++position) {
      const auto index = static_cast<size_t>(checked_.row_of(sequence, position));
      for (int64_t head = heads.begin; head < heads.end; ++head) {
        ReferenceRow& row = rows_[static_cast<size_t>(head)][index];
        if (!row.out.empty()) continue;
        const QueryRow where{sequence, position, head};
        ReferenceRow known;
        if (inputs_.known_answer(where, known)) continue;  // cheaper made again than stored
        if (!reference) {
          const int64_t kv_head = head / inputs_.problem().heads.group();
          reference = std::make_unique<HeadReference>(inputs_, sequence, kv_head);
        }
        reference->attend(where, row);
      }
    }
  }
}

const ReferenceRow& Judge::reference(const QueryRow& row, ReferenceRow& scratch) const {
  if (inputs_.known_answer(row, scratch)) return scratch;
  const auto& rows = rows_[static_cast<size_t>(row.head)];
  const auto index = static_cast<size_t>(checked_.row_of(row.sequence, row.position));
  RINGFOLD_INVARIANT(index < rows.size() && !rows[index].out.empty(),
                     "sequence {}, position {}, head {} is judged but was not prepared", row.sequence, row.position,
                     row.head);
  return rows[index];
}

Figures Judge::judge(const OutputRows& rows, const Accumulation& how, int rank) const {
  const Problem& problem = inputs_.problem();
  const int64_t dim = problem.heads.dim;
  const bool by_group = problem.dtype != DType::fp32 && inputs_.kind() == InputKind::gauss && has_random_rows(problem);
  Figures figures;
  ReferenceRow scratch;
  std::vector<float> out(static_cast<size_t>(dim));
  for (int64_t head = rows.heads.begin; head < rows.heads.end; ++head) {
    int64_t index = 0;
    for (const TokenRange& range : rows.tokens.ranges()) {
      for (int64_t position = range.begin; position < range.end; ++position, ++index) {
        const QueryRow row{range.sequence, position, head};
        const bool sees = visible_keys(problem, row.sequence, position).size() > 0;
        const std::optional<float> lse = load_row(rows, head - rows.heads.begin, index, out);
        if ((rows.out != nullptr && !all_finite(out.data(), dim)) || (sees && lse && !std::isfinite(*lse))) {
          figures.add_broken(fmt::format("{} of sequence {}, position {}, head {} (rank {}) is not finite",
                                         !lse || std::isfinite(*lse) || !sees ? "output" : "lse", row.sequence,
                                         position, head, rank));
        }
        const int64_t place = checked_.row_of(row.sequence, position);
        if (checked_.row_of(row.sequence, position + 1) == place) continue;
        const ReferenceRow& expected = reference(row, scratch);
        const RowBounds bounds = row_bounds(expected.sums, dim, problem.dtype, rows.dtype, how);
        compare_row(expected, bounds, row, rank, rows.out == nullptr ? nullptr : out.data(), lse,
                    by_group ? place / kBlockTokens : -1, figures);
      }
    }
  }
  return figures;
}

std::string Judge::failure_of(const Figures& figures) const {
  std::string failure = ringfold::failure_of(figures);
  const int64_t expected = checked_.size() * inputs_.problem().heads.query;
  for (const int64_t rows : {figures.out_rows_checked, figures.lse_rows_checked}) {
    if (failure.empty() && rows != expected) {
      failure = fmt::format("{} rows were compared, but {} are to be checked", rows, expected);
    }
  }
  return failure;
}

int64_t Judge::rows_checked(const Figures& figures) const {
  return figures.out_rows_checked / inputs_.problem().heads.query;
}

}  // namespace ringfold

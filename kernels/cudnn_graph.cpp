#include "kernels/cudnn_graph.h"

#include "lib/error.h"

#include <vector>

namespace ringfold {
namespace {

namespace fe = cudnn_frontend;

fe::DataType_t type_of(DType dtype) {
  switch (dtype) {
    case DType::fp32: return fe::DataType_t::FLOAT;
    case DType::bf16: return fe::DataType_t::BFLOAT16;
    case DType::fp16: return fe::DataType_t::HALF;
  }
  RINGFOLD_INVARIANT(false, "dtype {}", static_cast<int>(dtype));
}

/// {batch, head, row, channel}
std::vector<int64_t> strides_of(const SdpaStrides& strides, int64_t heads) {
  return {heads * strides.head, strides.head, strides.row, 1};
}

fe::graph::Tensor_attributes input(const char* name, SdpaTensor uid, int64_t heads, int64_t rows, int64_t dim,
                                   const SdpaStrides& strides) {
  return fe::graph::Tensor_attributes()
      .set_name(name)
      .set_uid(uid)
      .set_dim({1, heads, rows, dim})
      .set_stride(strides_of(strides, heads));
}

/// The diagonal as cuDNN knows it: from the bottom right corner where that is the same, else from the top left one,
/// from which the window counts too.
void set_mask(const SdpaShape& shape, fe::graph::SDPA_attributes& options) {
  const bool ends_together = shape.kv_rows == shape.q_rows + shape.offset;
  options.set_diagonal_alignment(ends_together ? fe::DiagonalAlignment_t::BOTTOM_RIGHT
                                               : fe::DiagonalAlignment_t::TOP_LEFT);
  options.set_diagonal_band_right_bound(ends_together ? 0 : static_cast<int>(shape.offset));
  if (shape.window > 0) {
    options.set_diagonal_band_left_bound(static_cast<int>(ends_together ? shape.window : shape.window - shape.offset));
  }
}

}  // namespace

std::shared_ptr<fe::graph::Graph> sdpa_graph(const SdpaShape& shape, std::optional<int> version) {
  auto graph = std::make_shared<fe::graph::Graph>();
  if (version) graph->set_sm_version(*version);  // operations look for it when they are added
  graph->set_io_data_type(type_of(shape.dtype))
      .set_intermediate_data_type(fe::DataType_t::FLOAT)
      .set_compute_data_type(fe::DataType_t::FLOAT);
  auto q = graph->tensor(input("Q", kQ, shape.query_heads, shape.q_rows, shape.dim, shape.q));
  auto k = graph->tensor(input("K", kK, shape.kv_heads, shape.kv_rows, shape.dim, shape.k));
  auto v = graph->tensor(input("V", kV, shape.kv_heads, shape.kv_rows, shape.dim, shape.v));
  auto options = fe::graph::SDPA_attributes().set_name("attend").set_generate_stats(true);
  options.set_attn_scale(static_cast<float>(shape.scale));
  // The unified operation of 9.19 knows neither a causal mask nor O in fp32.
  options.set_implementation(fe::AttentionImplementation_t::COMPOSITE);
  if (shape.is_masked) set_mask(shape, options);
  auto [o, lse] = graph->sdpa(q, k, v, options);
  o->set_output(true)
      .set_uid(kO)
      .set_data_type(type_of(shape.out))
      .set_dim({1, shape.query_heads, shape.q_rows, shape.dim})
      .set_stride(strides_of(shape.o, shape.query_heads));
  lse->set_output(true)
      .set_uid(kLse)
      .set_data_type(fe::DataType_t::FLOAT)
      .set_dim({1, shape.query_heads, shape.q_rows, 1})
      .set_stride(strides_of(shape.lse, shape.query_heads));
  return graph;
}

std::string words_of(fe::error_t error) {
  const std::string message = error.get_message();
  // Followed by a list of every engine and why it does not take the operation.
  if (message.starts_with("No valid engine configs")) return "no engine takes it";
  return message.substr(0, message.find('\n'));
}

void check_cudnn(const fe::error_t& error, const char* doing) {
  RINGFOLD_CHECK(error.is_good(), ExitCode::unavailable, "cuDNN cannot {}: {}", doing, words_of(error));
}

void check_cudnn(cudnnStatus_t status, const char* doing) {
  RINGFOLD_CHECK(status == CUDNN_STATUS_SUCCESS, ExitCode::unavailable, "cuDNN cannot {}: {}", doing,
                 fe::detail::get_error_string(status));
}

}  // namespace ringfold

// Compiled where the headers of cuBLASLt are missing.
#include "kernels/cublas_lt.h"
#include "lib/error.h"

namespace ringfold {

struct CublasLt::Impl {};

CublasLt::CublasLt() { throw Error(ExitCode::unavailable, *cublas_lt_missing()); }
CublasLt::~CublasLt() = default;

std::unique_ptr<LtProduct> CublasLt::product(const LtShape&, const LtMemory&) { return nullptr; }

std::optional<std::string> cublas_lt_missing() { return "this build has no cuBLASLt (cublasLt.h was missing)"; }

}  // namespace ringfold

#pragma once

#include <cuda.h>

namespace ringfold {

/// The driver's functions, found at run time: this program starts without a driver.
struct CudaDriver {
  decltype(&cuMemGetAddressRange) address_range = nullptr;
  decltype(&cuPointerGetAttribute) pointer_attribute = nullptr;
  decltype(&cuGetErrorName) error_name = nullptr;
};

/// Throws Error(unavailable) where there is no driver, or one that is too old.
const CudaDriver& cuda_driver();
/// Throws Error(internal) unless the status is success.
void check_driver(CUresult status, const char* call);

}  // namespace ringfold

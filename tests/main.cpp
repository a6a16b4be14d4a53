// The main function of every test program.
#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_RUNNER
#endif
#include "tests/catch.h"
#include "tests/skip.h"

#include <cstdio>

// Asked by LeakSanitizer, where a build has it. UCX 1.13 keeps the table of a shared-memory endpoint whose peer has
// gone.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libuct.so"; }

int main(int argc, char** argv) {
  const int status = Catch::Session().run(argc, argv);
  if (status != 0 || skipped_because.empty()) return status;
  std::puts(skipped_because.c_str());
  return kSkipped;
}

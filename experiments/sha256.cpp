#include "experiments/sha256.h"

#include "lib/error.h"

#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

namespace ringfold {

namespace {

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    RINGFOLD_INVARIANT(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1, "no SHA-256");
  }
  void add(const void* data, size_t bytes) {
    RINGFOLD_INVARIANT(EVP_DigestUpdate(context_.get(), data, bytes) == 1, "SHA-256 failed");
  }
  std::string hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned digest_bytes = 0;
    RINGFOLD_INVARIANT(EVP_DigestFinal_ex(context_.get(), digest.data(), &digest_bytes) == 1, "SHA-256 failed");
    std::string text;
    for (unsigned i = 0; i < digest_bytes; ++i) text += fmt::format("{:02x}", digest[i]);
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace

std::string sha256_hex(std::string_view bytes) {
  Sha256 sha;
  sha.add(bytes.data(), bytes.size());
  return sha.hex();
}

std::string sha256_hex_of_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), &std::fclose);
  RINGFOLD_CHECK(file != nullptr, ExitCode::configuration, "cannot open {}: {}", path, std::strerror(errno));
  Sha256 sha;
  std::vector<char> buffer(size_t{1} << 20);
  while (true) {
    const size_t got = std::fread(buffer.data(), 1, buffer.size(), file.get());
    sha.add(buffer.data(), got);
    if (got < buffer.size()) break;
  }
  RINGFOLD_CHECK(std::ferror(file.get()) == 0, ExitCode::configuration, "cannot read {}: {}", path,
                 std::strerror(errno));
  return sha.hex();
}

}  // namespace ringfold

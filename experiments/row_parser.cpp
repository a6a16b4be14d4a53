#include "experiments/row_parser.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace ringfold {
namespace {

// More are no row of ours, and must not take room that they do not fill.
constexpr size_t kMostMaps = 64;
constexpr size_t kMostKeys = 32;

/// Gets what the parser meets, in its order.
class RowMaker final : public Row::json_sax_t {
 public:
  explicit RowMaker(std::vector<uint8_t>& keys) : keys_(keys) {}
  Row take() { return std::move(root_); }

  bool null() override { return put(nullptr) != nullptr; }
  bool boolean(bool value) override { return put(value) != nullptr; }
  bool number_integer(int64_t value) override { return put(value) != nullptr; }
  bool number_unsigned(uint64_t value) override { return put(value) != nullptr; }
  bool number_float(double value, const std::string&) override { return put(value) != nullptr; }
  bool string(std::string& value) override { return put(std::move(value)) != nullptr; }
  bool binary(Row::binary_t&) override { return false; }

  bool start_object(size_t) override {
    open_.push_back(put(Row::value_t::object));
    numbers_.push_back(maps_);
    if (maps_ < keys_.size()) open_.back()->get_ref<Row::object_t&>().reserve(keys_[maps_]);
    ++maps_;
    return true;
  }
  bool key(std::string& name) override {
    auto& map = open_.back()->get_ref<Row::object_t&>();
    value_ = &map.emplace(name, Row()).first->second;
    return true;
  }
  bool start_array(size_t) override {
    open_.push_back(put(Row::value_t::array));
    return true;
  }
  bool end_object() override {
    const size_t number = numbers_.back();
    if (number < kMostMaps) {
      keys_.resize(std::max(keys_.size(), number + 1));
      keys_[number] = static_cast<uint8_t>(std::min(open_.back()->size(), kMostKeys));
    }
    numbers_.pop_back();
    open_.pop_back();
    return true;
  }
  bool end_array() override {
    open_.pop_back();
    return true;
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  /// What is open does not move: nothing is added beside it.
  template <typename Value>
  Row* put(Value&& value) {
    if (open_.empty()) return &(root_ = Row(std::forward<Value>(value)));
    if (open_.back()->is_object()) return &(*value_ = Row(std::forward<Value>(value)));
    return &open_.back()->get_ref<Row::array_t&>().emplace_back(std::forward<Value>(value));
  }

  std::vector<uint8_t>& keys_;
  Row root_;
  std::vector<Row*> open_;
  Row* value_ = nullptr;         ///< of the key that came last
  size_t maps_ = 0;              ///< met so far
  std::vector<size_t> numbers_;  ///< of the open maps
};

}  // namespace

Row RowParser::parse(std::string_view line) {
  RowMaker maker(keys_);
  return Row::sax_parse(line, &maker) ? maker.take() : Row(Row::value_t::discarded);
}

}  // namespace ringfold

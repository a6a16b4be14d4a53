#include "lib/drill.h"

#include "lib/error.h"
#include "tests/catch.h"

namespace ringfold {
namespace {

std::string refusal(const char* text) {
  try {
    parse_drill(text);
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::usage);
    return error.what();
  }
  return "none";
}

TEST_CASE("a drill names rank, place, time and deed, in any order") {
  const Drill third = parse_drill("rank=2 at=merge:3 do=SIGSTOP");
  CHECK(third.rank == 2);
  CHECK(third.place == "merge");
  CHECK(third.time == 3);
  CHECK((third.does == Drill::Does::stop));
  const Drill first = parse_drill(" do=exit  at=warm-up rank=0 ");
  CHECK(first.rank == 0);
  CHECK(first.place == "warm-up");
  CHECK(first.time == 1);
  CHECK((first.does == Drill::Does::exit));
}

TEST_CASE("a drill that cannot be read says why") {
  CHECK(refusal("") == "RINGFOLD_DRILL: needs rank=N at=PLACE do=WHAT");
  CHECK(refusal("rank=1 at= do=exit") == "RINGFOLD_DRILL: needs rank=N at=PLACE do=WHAT");
  CHECK(refusal("rank=1 at=merge") == "RINGFOLD_DRILL: needs rank=N at=PLACE do=WHAT");
  CHECK(refusal("rank=-1 at=merge do=exit") == "RINGFOLD_DRILL: rank needs a whole number from 0 on, not '-1'");
  CHECK(refusal("rank=1x at=merge do=exit") == "RINGFOLD_DRILL: rank needs a whole number from 0 on, not '1x'");
  CHECK(refusal("rank=1 at=merge:0 do=exit") == "RINGFOLD_DRILL: at=PLACE: needs a whole number from 1 on, not '0'");
  CHECK(refusal("rank=1 at=warmup do=exit") ==
        "RINGFOLD_DRILL: at is one of launch, rendezvous, warm-up, exchange, transfer, attend, merge, copy, finish, "
        "write, not 'warmup'");
  CHECK(refusal("rank=1 rank=2 at=merge do=exit") == "RINGFOLD_DRILL: rank is given twice");
  CHECK(refusal("rank=1 at=merge do=die") ==
        "RINGFOLD_DRILL: do is one of SIGKILL, SIGSEGV, SIGSTOP, exit, loop, not 'die'");
  CHECK(refusal("rank=1 at=merge when=now") == "RINGFOLD_DRILL: 'when=now' is not rank=, at= or do=");
}

TEST_CASE("without the variable a drill does nothing, and nothing is missed") {
  drill(0, "merge");
  CHECK(missed_drill() == std::nullopt);
}

}  // namespace
}  // namespace ringfold

#include "transports/frames.h"

#include "tests/catch.h"

#include <sys/socket.h>

#include <string>
#include <thread>
#include <unistd.h>

namespace ringfold {
namespace {

/// Receives until there is a frame or the end.
bool wait_for(FrameSocket& socket, Frame& frame) {
  for (;;) {
    const bool open = socket.receive();
    if (socket.next(frame)) return true;
    if (!open) return false;
    std::this_thread::yield();
  }
}

TEST_CASE("frames arrive whole and in order, however they are cut") {
  auto [sender, receiver] = socket_pair();
  const Frame sent{Says::failed, Meeting::broadcast, 3, 7, 1ull << 40, 1ull << 50, std::string("a\0b", 3)};
  sender.send(sent);
  // The second one byte by byte.
  auto [other, bytes] = socket_pair();
  other.send(sent);
  std::string wire(1000, '\0');
  const ssize_t length = recv(bytes.fd(), wire.data(), wire.size(), 0);
  REQUIRE(length > 3);
  Frame got;
  REQUIRE(wait_for(receiver, got));
  for (ssize_t i = 0; i < length; ++i) {
    CHECK(!receiver.next(got));
    REQUIRE(write(sender.fd(), wire.data() + i, 1) == 1);
    REQUIRE(receiver.receive());
  }
  REQUIRE(receiver.next(got));
  CHECK((got.says == sent.says && got.meeting == sent.meeting && got.rank == 3 && got.code == 7));
  CHECK((got.session == sent.session && got.number == sent.number && got.text == sent.text));
}

TEST_CASE("what the other end does not take yet is kept, and goes when it does") {
  auto [sender, receiver] = socket_pair();
  const std::string text(20 << 20, 'x');
  sender.send({Says::part, {}, 0, 0, 0, 0, text});
  sender.send({Says::released, {}, 0, 0, 0, 5, {}});
  CHECK(sender.has_unsent());
  std::jthread flusher([&sender] {
    while (sender.has_unsent()) sender.flush();
  });
  Frame got;
  REQUIRE(wait_for(receiver, got));
  CHECK(got.text == text);
  REQUIRE(wait_for(receiver, got));
  CHECK((got.says == Says::released && got.number == 5));
}

TEST_CASE("what is no frame ends the connection, at no cost in memory") {
  for (const bool too_long : {false, true}) {
    auto [sender, receiver] = socket_pair();
    std::string noise(64, too_long ? '\x05' : '\xff');
    if (too_long) noise[4] = noise[5] = '\0';
    REQUIRE(write(sender.fd(), noise.data(), noise.size()) == 64);
    Frame got;
    CHECK(!wait_for(receiver, got));
    CHECK(receiver.unread_bytes() == 0);
  }
}

TEST_CASE("an end that has gone is noticed when reading, after what it said") {
  auto [sender, receiver] = socket_pair();
  sender.send({Says::bye, {}, 2, 0, 0, 0, {}});
  sender = FrameSocket(Socket());
  for (int i = 0; i < 3; ++i) receiver.send({Says::hub_beat, {}, 0, 0, 0, 0, {}});  // no SIGPIPE
  Frame got;
  CHECK((!receiver.receive() || !receiver.receive()));
  REQUIRE(receiver.next(got));
  CHECK(got.says == Says::bye);
}

TEST_CASE("numbers and words come back as they were written, and nothing comes after their end") {
  std::string text;
  TextWriter writer(text);
  writer.put(int64_t{-5});
  writer.put("");
  writer.put("word");
  TextReader reader(text);
  CHECK(reader.number() == -5);
  CHECK(reader.word().empty());
  CHECK(reader.word() == "word");
  CHECK(reader.number() == 0);
  CHECK(reader.word().empty());
  TextReader torn(std::string_view(text).substr(0, text.size() - 2));
  torn.number();
  torn.word();
  CHECK(torn.word() == "wo");
}

}  // namespace
}  // namespace ringfold

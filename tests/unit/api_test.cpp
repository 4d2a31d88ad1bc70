// SPDX-License-Identifier: Apache-2.0
#include "control/api.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <thread>

#include "control/client.h"
#include "tests/unit/controller_fixture.h"

namespace belka {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ApiTest : public ControllerFixture {
 protected:
  ApiTest() {
    char pattern[] = "/tmp/belka-api-XXXXXX";
    directory_ = mkdtemp(pattern);
    path_ = directory_ + "/run/belkad.sock";
  }
  ~ApiTest() override {
    api_.reset();
    std::filesystem::remove_all(directory_);
  }

  Client serve() {
    api_ = std::make_unique<Api>(controller_, path_);
    return Client(path_);
  }

  std::string directory_, path_;
  std::unique_ptr<Api> api_;
};

constexpr const char* kJson = "application/json";
// What curl sends with -d and --data-binary.
constexpr const char* kForm = "application/x-www-form-urlencoded";

TEST_F(ApiTest, TheSocketIsItsOwnersAlone) {
  serve();
  struct stat status {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  ASSERT_EQ(stat((directory_ + "/run").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0755u);
}

TEST_F(ApiTest, TheSocketGoesWithTheApi) {
  serve();
  api_.reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ApiTest, AppliesSplitsAndShows) {
  const Client client = serve();
  EXPECT_EQ(client.post("/v1/apply?file=web.yaml", web_yaml(), kForm).status, 200);
  const Reply split = client.post("/v1/services/web/split", R"({"canary":"10%"})", kJson);
  EXPECT_THAT(split.errors, ElementsAre());
  EXPECT_EQ(split.body["service"]["pools"][1]["slots"], 102);
  EXPECT_EQ(client.get("/v1/services").body["services"][0]["pools"][1]["slots"], 102);
  EXPECT_EQ(client.get("/v1/pools").body["pools"].size(), 3u);
  EXPECT_EQ(client.get("/v1/backends").body["backends"].size(), 4u);
  EXPECT_EQ(client.get("/v1/status").body["instance"], "/sys/fs/bpf/test");
  EXPECT_EQ(client.get("/v1/stats").body["planes"].size(), 2u);
  const std::string flow = escape_query("198.51.100.7:40000 > 203.0.113.10:443/tcp");
  EXPECT_EQ(client.get("/v1/explain?flow=" + flow).body["service"]["name"], "web");
}

TEST_F(ApiTest, ErrorsAreListsWithAStatus) {
  const Client client = serve();
  client.post("/v1/apply", web_yaml(), kForm);
  const Reply bad = client.post("/v1/apply?file=bad.yaml", "services: 5\n", kForm);
  EXPECT_EQ(bad.status, 400);
  EXPECT_THAT(bad.errors, ElementsAre(HasSubstr("bad.yaml:1")));
  EXPECT_EQ(client.post("/v1/services/nobody/split", R"({"canary":"1%"})", kJson).status, 404);
  EXPECT_EQ(client.post("/v1/services/web/split", R"({"canary":"5"})", kJson).status, 400);
  EXPECT_EQ(client.post("/v1/services/web/split", R"({"canary":5})", kJson).status, 400);
  EXPECT_EQ(client.post("/v1/services/web/split", "{", kJson).status, 400);
  EXPECT_EQ(client.post("/v1/services/web/split", "", kJson).status, 400);
  EXPECT_EQ(client.post("/v1/apply", "seed_file: /other\nservices: []\n", kForm).status, 409);
  EXPECT_EQ(client.get("/v1/explain").status, 400);
  EXPECT_EQ(client.get("/v1/explain?flow=x").status, 400);
}

TEST_F(ApiTest, RefusesWhatAQueryCannotMean) {
  const Client client = serve();
  EXPECT_EQ(client.post("/v1/apply", web_yaml(), kForm).status, 200);
  const Reply typo = client.post("/v1/apply?pase=gentle", web_yaml(), kForm);
  EXPECT_EQ(typo.status, 400);
  EXPECT_THAT(typo.errors, ElementsAre("found pase in the query, allowed is file, pace, "
                                       "break_connections"));
  EXPECT_THAT(client.get("/v1/status?all=1").errors,
              ElementsAre("found all in the query, allowed is none"));
  EXPECT_THAT(client.post("/v1/plan?break_connections=1", web_yaml(), kForm).errors,
              ElementsAre("found break_connections in the query, allowed is file, pace"));
  EXPECT_THAT(client.post("/v1/plan?pace=fast", web_yaml(), kForm).errors,
              ElementsAre(HasSubstr("pace: found fast, allowed is gentle or hard; ")));
  EXPECT_THAT(client.post("/v1/apply?break_connections=yes", web_yaml(), kForm).errors,
              ElementsAre(HasSubstr("break_connections: found yes, allowed is 1; ")));
  const std::string limit = "/v1/services/web/drain-limit?limit_ms=";
  EXPECT_THAT(client.post(limit + "10m", "", kJson).errors,
              ElementsAre(HasSubstr("limit_ms: found 10m, allowed is a whole number")));
  EXPECT_THAT(client.post(limit + "99999999999999999999", "", kJson).errors,
              ElementsAre(HasSubstr("found 99999999999999999999, allowed is a whole number")));
  EXPECT_EQ(client.post(limit + "60000", "", kJson).status, 200);
  const std::string disable = "/v1/backends/10.0.1.1/disable";
  EXPECT_THAT(client.post(disable + "?service=", "", kJson).errors,
              ElementsAre(HasSubstr("service: found \"\"")));
  EXPECT_THAT(client.post(disable + "?pace=gentle", "", kJson).errors,
              ElementsAre(HasSubstr("drain lets them end")));
  EXPECT_THAT(client.post(disable + "?break_connections=1", "", kJson).errors,
              ElementsAre(HasSubstr("allowed is service, pace")));
  EXPECT_EQ(client.post(disable, "", kJson).status, 200);
}

TEST_F(ApiTest, UnknownRoutesSayWhatThereIs) {
  const Client client = serve();
  const Reply unknown = client.get("/v2/status");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_THAT(unknown.errors, ElementsAre(HasSubstr("POST /v1/services/NAME/split")));
  const Reply method = client.get("/v1/services/web/split");
  EXPECT_EQ(method.status, 405);
  EXPECT_THAT(method.errors, ElementsAre(HasSubstr("allowed is POST")));
  EXPECT_EQ(client.post("/v1/status", "", kJson).status, 405);
}

TEST_F(ApiTest, BodiesMayBeAsLongAsAConfiguration) {
  const Client client = serve();
  const Reply large =
      client.post("/v1/plan", "# " + std::string(100'000, 'x') + "\n" + web_yaml(), kForm);
  EXPECT_EQ(large.status, 200);
  const Reply longest = client.post("/v1/plan", std::string(kMaxConfigBytes + 1, ' '), kForm);
  EXPECT_EQ(longest.status, 400);
  EXPECT_THAT(longest.errors, ElementsAre(HasSubstr("allowed are at most")));
}

TEST_F(ApiTest, ReplacesASocketThatNobodyListensOn) {
  std::filesystem::create_directory(directory_ + "/run");
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path_.c_str());
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(fd, reinterpret_cast<struct sockaddr*>(&address), sizeof address), 0);
  close(fd);
  EXPECT_EQ(serve().get("/v1/status").status, 200);
}

TEST_F(ApiTest, WhoConnectsBeforeItServesWaits) {
  api_ = std::make_unique<Api>(path_);
  EXPECT_THROW(Api{path_}, Error) << "it has the socket already";
  std::thread asks([&] { EXPECT_EQ(Client(path_).get("/v1/status").status, 200); });
  api_->serve(controller_);
  asks.join();
}

TEST_F(ApiTest, OneThatNeverServedTakesItsSocketAway) {
  api_ = std::make_unique<Api>(path_);
  api_.reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ApiTest, LeavesASocketThatSomebodyListensOn) {
  const Client client = serve();
  EXPECT_THROW(Api(controller_, path_), Error);
  EXPECT_EQ(client.get("/v1/status").status, 200);
}

TEST_F(ApiTest, LeavesWhatIsNoSocket) {
  std::filesystem::create_directory(directory_ + "/run");
  close(open(path_.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  EXPECT_THROW(serve(), Error);
  EXPECT_TRUE(std::filesystem::is_regular_file(path_));
}

TEST_F(ApiTest, APathTooLongSaysTheLimit) {
  try {
    const Api api(controller_, "/tmp/" + std::string(200, 'x'));
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("allowed are 1 to 107"));
  }
}

TEST_F(ApiTest, WithoutADaemonTheClientSaysTheRemedy) {
  try {
    Client(path_).get("/v1/status");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("no belkad listens on " + path_ + "; start belkad"));
  }
}

}  // namespace
}  // namespace belka

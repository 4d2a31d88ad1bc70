// SPDX-License-Identifier: Apache-2.0
// Changes of the seed, which every connection of every service feels.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/controller_fixture.h"

namespace belka {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class ControllerSeed : public ControllerFixture {
 protected:
  ControllerSeed() {
    std::string name = (fs::temp_directory_path() / "belka_seed_XXXXXX").string();
    directory_ = mkdtemp(name.data());
    controller_.apply(web_yaml(), "web.yaml");
  }
  ~ControllerSeed() override { fs::remove_all(directory_); }

  // A seed file of one byte, 32 times. The one in use is of zeros.
  std::string seed_file(char byte) const {
    const std::string path = directory_ / "seed";
    std::ofstream(path) << std::string(32, byte);
    chmod(path.c_str(), 0600);
    return path;
  }

  static std::string yaml_with(const std::string& path, const std::string& canary = "25%") {
    std::string yaml = web_yaml(canary);
    return yaml.replace(yaml.find(kSeedFile), std::string(kSeedFile).size(), path);
  }

  fs::path directory_;
};

TEST_F(ControllerSeed, AnotherOneWantsBreakConnections) {
  const std::string yaml = yaml_with(seed_file('s'));
  const uint64_t generation = publisher_.generation();
  const Answer plan = controller_.plan(yaml, "web.yaml", Pace::now);
  EXPECT_EQ(plan.body["plan"]["slots_moved"], 1024);
  EXPECT_THAT(plan.body["text"].get<std::string>(),
              HasSubstr("breaks connections (another seed): wants --break-connections\n"));
  const Answer refused = controller_.apply(yaml, "web.yaml");
  EXPECT_EQ(refused.fault, Fault::conflict);
  EXPECT_THAT(refused.errors, ElementsAre(HasSubstr("all 1024 slots of 1 service move")));
  EXPECT_THAT(refused.errors, ElementsAre(HasSubstr("pass --break-connections")));
  EXPECT_EQ(publisher_.generation(), generation);
  EXPECT_EQ(persisted_.size(), 1u);

  const Answer accepted = controller_.apply(yaml, "web.yaml", {.break_connections = true});
  EXPECT_THAT(accepted.errors, ElementsAre());
  EXPECT_THAT(accepted.body["text"].get<std::string>(),
              HasSubstr("breaks connections (another seed)\n"))
      << "it has what it wants";
  EXPECT_EQ(publisher_.generation(), generation + 1);
  EXPECT_EQ(persisted_.back().seed_file, directory_ / "seed");
  EXPECT_EQ(persisted_seeds_.back(), read_seed(directory_ / "seed"));
  EXPECT_EQ(publisher_.seed(), read_seed(directory_ / "seed"));
  EXPECT_EQ(controller_.apply(yaml, "web.yaml").body["text"],
            "nothing changes\n1 service stays unchanged\n");
}

TEST_F(ControllerSeed, TheSameBytesUnderAnotherPathChangeNothing) {
  const Answer answer = controller_.apply(yaml_with(seed_file('\0')), "web.yaml");
  EXPECT_THAT(answer.errors, ElementsAre());
  EXPECT_EQ(answer.body["text"], "nothing changes\n1 service stays unchanged\n");
  EXPECT_EQ(persisted_.back().seed_file, directory_ / "seed");
}

TEST_F(ControllerSeed, AFileThatIsNotThereIsNotMade) {
  const std::string path = directory_ / "none";
  const Answer answer = controller_.apply(yaml_with(path), "web.yaml", {.break_connections = true});
  EXPECT_EQ(answer.fault, Fault::conflict);
  EXPECT_THAT(answer.errors, ElementsAre(HasSubstr("web.yaml: seed_file: found " + path)));
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(ControllerSeed, OtherBytesUnderTheSamePathAreAnotherSeed) {
  const std::string path = seed_file('\0');
  controller_.apply(yaml_with(path), "web.yaml");
  seed_file('s');
  EXPECT_EQ(controller_.apply(yaml_with(path), "web.yaml").fault, Fault::conflict);
  fs::remove(path);
  EXPECT_EQ(controller_.apply(yaml_with(path, "50%"), "web.yaml").fault, Fault::none)
      << "a lost file keeps nobody from other changes";
  EXPECT_EQ(publisher_.seed(), Seed{});
}

}  // namespace
}  // namespace belka

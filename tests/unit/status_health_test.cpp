// SPDX-License-Identifier: Apache-2.0
// What status says of health checks.
#include <gmock/gmock.h>

#include "control/cli_text.h"
#include "tests/unit/controller_fixture.h"

namespace belka {
namespace {

using testing::HasSubstr;
using testing::Not;

class StatusHealthTest : public ControllerFixture {
 protected:
  nlohmann::json status() {
    controller_.apply(web_yaml(), "web.yaml");
    return controller_.status().body;
  }
};

TEST_F(StatusHealthTest, CountsChecksWhereThereAreSome) {
  nlohmann::json body = status();
  body["checks"]["postponed"] = 7;
  EXPECT_THAT(status_text(body),
              HasSubstr("checks         4 backends, 20 passed, 3 failed, 7 postponed\n"));
  body["checks"]["backends"] = 0;
  EXPECT_THAT(status_text(body), Not(HasSubstr("checks ")));
}

// The source has a reason for each.
TEST_F(StatusHealthTest, ListsThoseThatAreUpUncheckedAndThoseThatAreNotUpElsewhere) {
  status();
  ASSERT_EQ(controller_.set_backend({.address = "10.0.2.1", .verb = "drain", .service = ""}).fault,
            Fault::none);
  nlohmann::json body = controller_.status().body;
  EXPECT_EQ(body["unchecked"].size(), 3u);
  EXPECT_EQ(body["unchecked"][0]["address"], "10.0.1.1");
  EXPECT_EQ(body["unchecked"][0]["reason"], "connection refused");
  EXPECT_EQ(body["down"].size(), 1u);
  EXPECT_THAT(status_text(body), HasSubstr("NOT CHECKED  SERVICE  POOL      WHY\n"
                                           "10.0.1.1     web      prod      connection refused\n"));
  body.erase("unchecked");  // as of a daemon before this version
  EXPECT_THAT(status_text(body), Not(HasSubstr("NOT CHECKED")));
}

}  // namespace
}  // namespace belka

// SPDX-License-Identifier: Apache-2.0
#include "tests/model/reach.h"

#include <memory>

namespace belka::model {
namespace {

struct Parts {
  Keeper& keeper;
  Stores& stores;
};

Parts parts_of(Publisher& publisher);
void note_idle_times(Publisher& publisher);

// The publisher hides these, and has no other use for a reach: private names may be used here, in
// the arguments of an explicit instantiation, and nowhere else.
template <auto keeper, auto stores, auto idle_times>
struct Opened {
  friend Parts parts_of(Publisher& publisher) { return {publisher.*keeper, publisher.*stores}; }
  friend void note_idle_times(Publisher& publisher) { (publisher.*idle_times)(); }
};
template struct Opened<&Publisher::keeper_, &Publisher::stores_, &Publisher::note_idle_times>;

}  // namespace

void keep_within(Publisher& publisher, const KeeperReach& reach) {
  const Parts parts = parts_of(publisher);
  std::destroy_at(&parts.keeper);
  std::construct_at(&parts.keeper, publisher.tables(), parts.stores, reach);
  note_idle_times(publisher);
}

}  // namespace belka::model

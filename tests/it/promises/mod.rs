//! The promises C1 to C29 about cancellation. The name of each test begins with the number of its
//! promise.

mod branches;
mod circles;
mod cut;
mod endings;

mod nested;
mod passing;
mod passing_neighbours;
mod results;
mod scopes;
mod tasks;
mod third_party_delivery;
mod third_party_results;
mod third_party_scopes;
mod waits;

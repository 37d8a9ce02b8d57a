//! Only its tests matter: scopes and tasks on executors that the library does not depend on.

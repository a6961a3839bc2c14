/// \file
/// Everything but the adapters (dictsqlite/asio.hpp).
#pragma once

#include <dictsqlite/database.hpp>
#include <dictsqlite/event.hpp>
#include <dictsqlite/executor.hpp>
#include <dictsqlite/operation.hpp>
#include <dictsqlite/options.hpp>
#include <dictsqlite/scan.hpp>
#include <dictsqlite/stats.hpp>
#include <dictsqlite/sync_wait.hpp>
#include <dictsqlite/task.hpp>
#include <dictsqlite/task_scope.hpp>
#include <dictsqlite/value.hpp>
#include <dictsqlite/when_all.hpp>
#include <dictsqlite/write_batch.hpp>

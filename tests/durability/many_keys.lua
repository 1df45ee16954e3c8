-- Like the benchmarks' post.lua, with the keys in the file BENCH_KEYS in turn.

dofile(os.getenv("BENCH_SCRIPT"))

local prepared, turn = {}, 0

function init(args)
   for key in io.lines(os.getenv("BENCH_KEYS")) do
      wrk.headers["authorization"] = "Bearer " .. key
      prepared[#prepared + 1] = wrk.format()
   end
end

function request()
   turn = turn % #prepared + 1
   return prepared[turn]
end

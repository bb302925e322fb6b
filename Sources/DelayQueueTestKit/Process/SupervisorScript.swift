import Subprocess

/// The shell program that starts one server, signals it, reports its end and cleans up after it.
///
/// It runs as `sh -c launcher dq-supervisor NAME DISPOSAL COMMAND...` and talks in lines:
///
/// | input | meaning |
/// |---|---|
/// | `start` | start the server; ignored while it runs |
/// | `TERM`, `KILL`, `STOP`, `CONT` | signal the running server, and wait for a stop or continuation to show |
/// | end of input | kill the server, remove the folder, exit |
///
/// | output | meaning |
/// |---|---|
/// | `folder PATH` | the folder was made; the server will run in it |
/// | `missing PATHS` | no such executable in these directories |
/// | `broken` | no folder could be made |
/// | `started PID` | the server process exists |
/// | `sent SIGNAL` | the signal was delivered |
/// | `exited STATUS` | the server has ended and was waited for |
///
/// The end of the input is what makes clean-up certain: only the process that started the supervisor holds the other
/// end of that pipe, and the kernel closes it however that process dies.
///
/// While the server runs a second shell, the warden, reads the input, because the first must wait for its child to
/// learn its end at once. The warden is killed as soon as the server has been waited for, so that it does not signal a
/// later process with the same id, and is gone before the end is reported.
enum SupervisorScript {
    /// Directories searched after those in `PATH`: daemons live outside the path of many users.
    static let searchPath = "/usr/local/bin:/usr/bin:/usr/local/sbin:/usr/sbin:/opt/homebrew/bin"

    /// The variable the program is passed in: as an argument it would fill the list of processes.
    static let variable: Environment.Key = "DQ_SUPERVISOR"
    static let launcher = "program=$\(variable.rawValue); unset \(variable.rawValue); eval \"$program\""

    static let program = """
        name=$1 disposal=$2
        shift 2
        # A report nobody reads any more must not end the clean-up. Unlike an ignored signal, a handled one is back to
        # its default in the server.
        trap : PIPE
        PATH=$PATH:\(searchPath)
        command -v "$1" >/dev/null || { echo "missing $PATH"; exit 1; }
        # A longer path would not fit into the address of a Unix domain socket in the folder.
        base=${TMPDIR:-/tmp} base=${base%/}
        [ "${#base}" -le 64 ] && [ -w "$base" ] || base=/tmp
        folder=$(mktemp -d "$base/dq-$name.XXXXXX") && cd "$folder" || { echo broken; exit 1; }
        echo "folder $folder"

        # The standard input of background commands is taken away from them; descriptor 3 is not.
        exec 3<&0 </dev/null

        # Sets `state` to the first letter that ps(1) shows for the server; fails once it is gone.
        look() {
            if [ -r "/proc/$server/stat" ]; then
                read -r _ _ state _ <"/proc/$server/stat"
            else
                state=$(ps -o stat= -p "$server")
            fi
        }

        warden() {
            while read -r signal; do
                kill -"$signal" "$server" || continue
                case $signal in
                STOP) while look && [ "${state#T}" = "$state" ]; do :; done ;;
                CONT) while look && [ "${state#T}" != "$state" ]; do :; done ;;
                esac
                echo "sent $signal"
            done
            kill -KILL "$server"
        }

        while read -r command <&3; do
            [ "$command" = start ] || continue
            "$@" </dev/null >>output.log 2>&1 3<&- &
            server=$!
            echo "started $server"
            warden <&3 &
            warden=$!
            wait "$server"
            status=$?
            kill -KILL "$warden"
            wait "$warden"
            echo "exited $status"
        done
        cd /
        [ "$disposal" = keep ] || rm -rf "$folder"
        """
}

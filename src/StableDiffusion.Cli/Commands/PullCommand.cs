using System.CommandLine;

namespace StableDiffusion.Cli;

/// <summary><c>pull</c>: fetches a model from the hub into the cache that all programs share.</summary>
internal static class PullCommand
{
    public static Command Create()
    {
        var name = new Argument<string>("model")
        {
            Description = "OWNER/NAME of the repository, or OWNER/NAME@REVISION for a branch, tag or commit.",
        };
        var variant = new Option<string?>("--variant") { Description = "Which of several exports of each network, such as fp16 for model_fp16.onnx.", HelpName = "name" };
        var include = new Option<string[]>("--include") { Description = "Also fetch the files whose paths match, such as 'loras/*'; may be repeated.", HelpName = "pattern" };
        var quiet = new Option<bool>("--quiet", "-q") { Description = "Say nothing but warnings and errors." };
        var command = new Command(
            "pull",
            """
            Fetches a model from the hub: its networks in ONNX form with their weights, tokenizers and configurations, nothing else. What is here
            already is not fetched again; an interrupted pull goes on where it was. Prints the folder. Example:
              sd pull onnx-community/stable-diffusion-v1-5-ONNX && sd -m onnx-community/stable-diffusion-v1-5-ONNX "a red apple"
            Environment: HF_TOKEN, HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_HUB_OFFLINE, HTTPS_PROXY, NO_PROXY.
            """)
        {
            name, variant, include, quiet,
        };
        command.SetAction(parsed =>
        {
            var log = new ConsoleLog(parsed.GetValue(quiet), verbose: false, bar: true);
            using var interruption = new Interruption();
            try
            {
                var settings = HubSettings.Read();
                using var client = new HubClient(settings, log.Info);
                var pull = new HubPull(settings, client, log);
                var folder = pull.RunAsync(HubName.Parse(parsed.GetValue(name)!), parsed.GetValue(variant), parsed.GetValue(include) ?? [], interruption.Token)
                    .GetAwaiter().GetResult();
                Console.Out.WriteLine(folder);
                return ExitCode.Done;
            }
            catch (OperationCanceledException)
            {
                log.EndBar();
                log.Error("stopped; run the same command again to go on where it was.");
                return interruption.ExitCode;
            }
        });
        return command;
    }
}

using System.CommandLine;

namespace StableDiffusion.Cli;

/// <summary><c>show</c>: how a picture was made.</summary>
internal static class ShowCommand
{
    public static Command Create()
    {
        var files = new Argument<string[]>("files") { Description = "Pictures of this program, the webui, ComfyUI or InvokeAI.", Arity = ArgumentArity.OneOrMore };
        var asJson = new Option<bool>("--json") { Description = "Print a JSON line for each: a line of a batch file that paints it again, and what could not be followed." };
        var command = new Command("show", "Shows how a picture was made. --from paints it again. Example:\n  sd show apple.png") { files, asJson };
        command.SetAction(parsed =>
        {
            var table = new FieldTable(new ImageOptions());
            var exitCode = ExitCode.Done;
            foreach (var file in parsed.GetValue(files)!)
            {
                try
                {
                    Console.Out.Write(parsed.GetValue(asJson) ? ResultJson.ToText(Recipe.Read(file).ToJson(table)) + "\n" : TextOf(file));
                }
                catch (RequestException error)
                {
                    // The others are looked at all the same.
                    Console.Error.WriteLine($"error: {OptionNames.Message(error)}");
                    exitCode = ExitCode.Usage;
                }
            }

            return exitCode;
        });
        return command;
    }

    /// <summary>The texts as they are; a single one without its keyword.</summary>
    private static string TextOf(string file)
    {
        var texts = PictureText.Read(file);
        return texts switch
        {
            [] => throw new RequestException($"{OneLine.Quote(file)} does not say how it was made: it holds no text."),
            [var only] => Printable(only.Value) + "\n",
            _ => string.Concat(texts.Select(text => $"{OneLine.Of(text.Key)}: {Printable(text.Value)}\n")),
        };
    }

    /// <summary>A text from a file must not steer the terminal.</summary>
    private static string Printable(string text) => string.Concat(text.Select(c => c is '\n' or '\t' || !char.IsControl(c) ? c : ' '));
}

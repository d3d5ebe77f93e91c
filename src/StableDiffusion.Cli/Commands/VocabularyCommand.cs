using System.CommandLine;

namespace StableDiffusion.Cli;

/// <summary><c>vocabulary</c>: what a small model was taught.</summary>
internal static class VocabularyCommand
{
    public static Command Create()
    {
        var program = new ProgramOptions();
        var command = new Command(
            "vocabulary", "Lists what a model was taught, for models that say so: a line for each thing, with its styles and its other names, tabs between. Example:\n  sd vocabulary --model models/emoji-256")
        {
            program.Model,
        };
        command.SetAction(parsed =>
        {
            var folder = program.Folder(parsed);
            var vocabulary = folder.Vocabulary
                ?? throw new ModelException($"{folder.Path} has no vocabulary.json; models trained on the open web know more words than a list can hold.");
            foreach (var concept in vocabulary.Concepts)
            {
                Console.Out.WriteLine($"{concept.Label}\t{string.Join(", ", concept.Styles)}\t{string.Join(", ", concept.Names)}");
            }

            Console.Error.WriteLine($"styles: {string.Join(", ", vocabulary.Styles)}; backgrounds: {string.Join(", ", vocabulary.Backgrounds)}");
            return ExitCode.Done;
        });
        return command;
    }
}

namespace StableDiffusion;

/// <summary>A token that is found in a prompt as it is written, before words are made: <c>&lt;|endoftext|&gt;</c>, for one.</summary>
internal sealed record AddedToken(int[] Content, int Id)
{
    public bool IsAt(PlacedRune[] text, int position)
    {
        if (position + Content.Length > text.Length)
        {
            return false;
        }

        for (var i = 0; i < Content.Length; i++)
        {
            if (text[position + i].Value != Content[i])
            {
                return false;
            }
        }

        return true;
    }
}

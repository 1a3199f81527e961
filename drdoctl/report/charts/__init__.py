"""Charts without a script: inline SVG and HTML, sized by the page, coloured by its style sheet. One kind a file."""
